/* test-hooks.c - real scripts that behave and that do not. The clock is the test's own, so that
 * time limits are reached by turning it and nothing is measured.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/hook_table.h"

#include "capture.h"
#include "core/session.h"
#include "io/hooks/hooks_internal.h"
#include "io/sys/log.h"
#include "io/work/work.h"
#include "scratch.h"

/* Turns of 10 ms that real processes get for what they are expected to do. */
#define PATIENCE 12000
#define TIMEOUT  SPAN_S(60)

enum {
    CRASH = SESSION_HOOK_CRASH,
    NOSPACE = SESSION_HOOK_NOSPACE,
    REBOOT = SESSION_HOOK_REBOOT,
    START = HOOK_TABLE_START
};

typedef struct {
    guint64 id;
    guint kind;
    HookEnd end;
    int value;
} Ended;

typedef struct {
    Scratch s;
    WorkPool *pool;
    OffLoop off;   /* of the pool */
    gboolean hold; /* jobs go to `held` instead */
    GArray *held;  /* OffLoopJob */
    Hooks *hooks;
    Mono now;
    GArray *ended; /* Ended */
    gboolean inside_run;
    gboolean chain; /* each end of a run starts the next one */
    Capture capture;
} Bench;

static void run(Bench *b, guint kind, guint64 key, guint64 id)
{
    b->inside_run = TRUE;
    hooks_run(b->hooks, kind, key, "10.0.0.5", "/dumps/10.0.0.5-x", id, b->now);
    b->inside_run = FALSE;
}

static void on_end(gpointer user, guint64 id, guint kind, HookEnd end, int value)
{
    Bench *b = user;
    Ended e = {id, kind, end, value};

    g_assert_false(b->inside_run);
    g_array_append_val(b->ended, e);
    if (b->chain && id < 5)
        run(b, kind, 1, id + 1);
}

/* Keeps the job while `hold` is set: then the test runs it. */
static void push(gpointer owner, const OffLoopJob *job)
{
    Bench *b = owner;

    if (b->hold)
        g_array_append_vals(b->held, job, 1);
    else
        b->off.push(b->off.owner, job);
}

static Hooks *new_hooks(Bench *b)
{
    return hooks_new(
        &(HooksSpec){b->s.path, hook_table(), HOOK_TABLE_N, TIMEOUT, {push, b}, on_end, b});
}

static Bench *bench_new(void)
{
    Bench *b = g_new0(Bench, 1);

    b->s = scratch_new();
    g_assert_cmpint(mkdirat(b->s.fd, "scripts", 0755), ==, 0);
    b->now = (Mono){SPAN_S(1000)};
    b->ended = g_array_new(FALSE, FALSE, sizeof(Ended));
    b->pool = work_pool_new(18, NULL);
    g_assert_nonnull(b->pool);
    b->off = work_pool_off_loop(b->pool);
    b->held = g_array_new(FALSE, FALSE, sizeof(OffLoopJob));
    b->hooks = new_hooks(b);
    b->capture = capture_begin();
    return b;
}

/* Returns what was logged. */
static char *bench_free(Bench *b)
{
    char *text;

    hooks_free(b->hooks);
    work_pool_free(b->pool);
    text = capture_end(&b->capture);
    scratch_free(&b->s);
    g_array_unref(b->ended);
    g_array_unref(b->held);
    g_free(b);
    g_test_message("%s", text);
    return text;
}

static void put_script(const Bench *b, const char *name, const char *text, guint mode)
{
    g_autofree char *path = g_build_filename("scripts", name, NULL);

    scratch_put(&b->s, path, text, strlen(text));
    g_assert_cmpint(fchmodat(b->s.fd, path, mode, 0), ==, 0);
}

/* A shell script; $D is the dump directory's path. */
static void script(const Bench *b, guint kind, const char *body)
{
    g_autofree char *text = g_strdup_printf("#!/bin/sh\nD=$NETDUMP_DUMPDIR\n%s\n", body);

    put_script(b, hooks_name(b->hooks, kind), text, 0755);
}

/* One turn of the loop; by the bench's clock it takes `ms`, by the real one 10 ms at most. */
static void turn_of(Bench *b, gint64 ms)
{
    fd_set set;
    int max = work_pool_fd(b->pool);
    struct timeval tv = {.tv_usec = 10000};

    FD_ZERO(&set);
    FD_SET(max, &set);
    hooks_add_fds(b->hooks, &set, &max);
    if (select(max + 1, &set, NULL, NULL, &tv) <= 0)
        FD_ZERO(&set);
    b->now = mono_add(b->now, SPAN_MS(ms));
    hooks_reap(b->hooks, b->now);
    work_pool_dispatch(b->pool);
    hooks_handle_fds(b->hooks, &set, b->now);
    if (!mono_before(b->now, hooks_deadline(b->hooks)))
        hooks_tick(b->hooks, b->now);
}

static void turn(Bench *b)
{
    turn_of(b, 10);
}

static void await_ended(Bench *b, guint n)
{
    for (int i = 0; i < PATIENCE && b->ended->len < n; i++)
        turn(b);
    g_assert_cmpuint(b->ended->len, ==, n);
}

/* The scripts write such files when they have got somewhere. */
static void await_file(Bench *b, const char *name)
{
    for (int i = 0; i < PATIENCE && !scratch_has(&b->s, name); i++)
        turn(b);
    g_assert_true(scratch_has(&b->s, name));
}

static void await_gone(Bench *b)
{
    for (int i = 0; i < PATIENCE && b->hooks->active->len > 0; i++)
        turn(b);
    g_assert_cmpuint(b->hooks->active->len, ==, 0);
}

static pid_t pid_in(const Bench *b, const char *name)
{
    g_autofree char *text = scratch_get(&b->s, name, NULL);
    guint64 pid;

    g_assert_true(g_ascii_string_to_unsigned(g_strchomp(text), 10, 2, G_MAXINT, &pid, NULL));
    return (pid_t)pid;
}

/* Gone, or a zombie that its parent (not us) has not fetched. */
static gboolean is_gone(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid), *text = NULL;

    return !g_file_get_contents(path, &text, NULL, NULL) || strstr(text, ") Z") != NULL;
}

static void await_death(Bench *b, pid_t pid)
{
    for (int i = 0; i < PATIENCE && !is_gone(pid); i++)
        turn(b);
    g_assert_true(is_gone(pid));
}

static void expect_end(const Bench *b, guint i, guint64 id, HookEnd end, int value)
{
    const Ended *e = &g_array_index(b->ended, Ended, i);

    g_assert_cmpuint(e->id, ==, id);
    g_assert_cmpint(e->end, ==, end);
    g_assert_cmpint(e->value, ==, value);
}

/* Runs it alone to its end. */
static void run_one(Bench *b, guint kind, HookEnd end, int value)
{
    guint n = b->ended->len;

    run(b, kind, 1, 7);
    await_ended(b, n + 1);
    expect_end(b, n, 7, end, value);
    g_assert_cmpint(g_array_index(b->ended, Ended, n).kind, ==, kind);
    await_gone(b);
}

static void test_missing(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL;

    for (guint k = 0; k < HOOK_TABLE_N; k++) {
        run_one(b, k, HOOK_NOT_RUN, 0);
        g_assert_cmpuint(hooks_count(b->hooks, k, HOOK_NOT_RUN), ==, 0);
    }
    g_assert_cmpint(unlinkat(b->s.fd, "scripts", AT_REMOVEDIR), ==, 0);
    run_one(b, CRASH, HOOK_NOT_RUN, 0);
    g_assert_cmpint(hooks_deadline(b->hooks).us, ==, MONO_NEVER.us);
    text = bench_free(b);
    g_assert_cmpstr(text, ==, "");
}

static void test_arguments(void)
{
    static const struct {
        guint kind;
        const char *want;
    } cases[] = {
        {START, "netdump-start[10.0.0.5]: 1 <10.0.0.5> <>"},
        {CRASH, "netdump-crash[10.0.0.5]: 2 <10.0.0.5> </dumps/10.0.0.5-x>"},
        {NOSPACE, "netdump-nospace[10.0.0.5]: 2 <10.0.0.5> </dumps/10.0.0.5-x>"},
        {REBOOT, "netdump-reboot[10.0.0.5]: 2 <10.0.0.5> </dumps/10.0.0.5-x>"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        Bench *b = bench_new();
        g_autofree char *text = NULL;

        script(b, cases[i].kind, "echo \"$# <$1> <$2>\"");
        run_one(b, cases[i].kind, HOOK_EXITED, 0);
        g_assert_cmpuint(hooks_count(b->hooks, cases[i].kind, HOOK_EXITED), ==, 1);
        text = bench_free(b);
        g_assert_nonnull(strstr(text, cases[i].want));
    }
}

/* Nothing of ours: no variable, descriptor, ignored or blocked signal, group, directory. */
static void test_environment(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL, *dumpdir = g_strdup_printf("NETDUMP_DUMPDIR=%s\n", b->s.path);
    g_autofree char *env = NULL, *rest = NULL;
    int leaked = fcntl(1, F_DUPFD, 50);
    sigset_t block, old;

    g_setenv("NETDUMP_SECRET", "x", TRUE);
    sigemptyset(&block);
    sigaddset(&block, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &block, &old);
    signal(SIGPIPE, SIG_IGN);
    script(b, CRASH,
           "tr '\\0' '\\n' </proc/$$/environ | sort >$D/env\n"
           /* GNU make leaves 32 or 33 or both ignored, which belong to the C library: it hides
              them. */
           "{ pwd; umask; cat; grep -E '^Sig(Blk|Ign)' /proc/$$/status | tr -d '\\t' |\n"
           "sed -E 's/0000000(18|10|08)0000000/0000000000000000/'\n"
           "cut -d' ' -f5 /proc/$$/stat | grep -qx $$ && echo group leader; } >$D/rest\n"
           "exec ls -C /proc/self/fd");
    run_one(b, CRASH, HOOK_EXITED, 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    signal(SIGPIPE, SIG_DFL);
    g_unsetenv("NETDUMP_SECRET");
    close(leaked);
    env = scratch_get(&b->s, "env", NULL);
    rest = scratch_get(&b->s, "rest", NULL);
    text = bench_free(b);
    {
        g_autofree char *want = g_strconcat(
            "HOME=/\nLANG=C\nNETDUMP_CLIENT=10.0.0.5\nNETDUMP_DIR=/dumps/10.0.0.5-x\n", dumpdir,
            "NETDUMP_HOOK=netdump-crash\n"
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
            NULL);
        g_assert_cmpstr(env, ==, want);
    }
    g_assert_cmpstr(rest, ==,
                    "/\n0077\nSigBlk:0000000000000000\nSigIgn:0000000000000000\ngroup leader\n");
    /* 3 is ls's own, for the directory. */
    g_assert_true(g_regex_match_simple("\\]: 0 +1 +2 +3\\n", text, 0, 0));
}

static void test_ends(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL;

    script(b, NOSPACE, "exit 3");
    run_one(b, NOSPACE, HOOK_EXITED, 3);
    script(b, NOSPACE, "kill -9 $$");
    run_one(b, NOSPACE, HOOK_SIGNALLED, 9);
    script(b, NOSPACE, "exec >&- 2>&- <&-; exit 255");
    run_one(b, NOSPACE, HOOK_EXITED, 255);
    script(b, NOSPACE, "exit 0");
    run_one(b, NOSPACE, HOOK_EXITED, 0);
    g_assert_cmpuint(hooks_count(b->hooks, NOSPACE, HOOK_EXITED), ==, 3);
    g_assert_cmpuint(hooks_failed(b->hooks, NOSPACE), ==, 2);
    g_assert_cmpuint(hooks_count(b->hooks, NOSPACE, HOOK_SIGNALLED), ==, 1);
    text = bench_free(b);
    g_assert_nonnull(strstr(text, "warning: netdump-nospace[10.0.0.5]: exited with status 3\n"));
    g_assert_nonnull(
        strstr(text, "warning: netdump-nospace[10.0.0.5]: killed by signal 9 (Killed)\n"));
}

/* Lines as they come, standard error too, nothing that could forge another. */
static void test_output(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL, *piece = g_strnfill(1024, 'x'), *cut = NULL;

    script(b, CRASH,
           "echo one; echo two >&2; echo; printf 'a\\0b\\033[2J\\r\\n'\n"
           "printf '%02000d\\n' 0 | tr 0 x; printf 'no newline'");
    run_one(b, CRASH, HOOK_EXITED, 0);
    text = bench_free(b);
    g_assert_nonnull(strstr(text, "netdump-crash[10.0.0.5]: one\n"));
    g_assert_nonnull(strstr(text, "netdump-crash[10.0.0.5]: two\n"));
    g_assert_nonnull(strstr(text, "netdump-crash[10.0.0.5]: a?b\\x1b[2J\n"));
    cut = g_strdup_printf("netdump-crash[10.0.0.5]: %s\n", piece);
    g_assert_nonnull(strstr(text, cut));
    g_assert_nonnull(strstr(text, "netdump-crash[10.0.0.5]: no newline\n"));
    g_assert_null(strstr(text, "netdump-crash[10.0.0.5]: \n"));
}

static guint count(const char *text, const char *what)
{
    guint n = 0;

    for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
        n++;
    return n;
}

/* Much output is cut, but the script can print all of it. */
static void test_much_output(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL;

    script(b, CRASH, "seq 1 100000; touch $D/done");
    run_one(b, CRASH, HOOK_EXITED, 0);
    g_assert_true(scratch_has(&b->s, "done"));
    text = bench_free(b);
    g_assert_cmpuint(count(text, "netdump-crash[10.0.0.5]: "), ==, 1001);
    g_assert_nonnull(strstr(text, ": 1000\n"));
    g_assert_null(strstr(text, ": 1001\n"));
    g_assert_cmpuint(count(text, "the rest is dropped"), ==, 1);
}

/* Bytes count as well as lines. */
static void test_wide_output(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL;

    script(b, CRASH,
           "yes 0123456789012345678901234567890123456789012345678901234567890123456"
           "78901234567890123456789012345678 | head -c 1000000");
    run_one(b, CRASH, HOOK_EXITED, 0);
    text = bench_free(b);
    g_assert_cmpuint(strlen(text), <, 150000);
    g_assert_cmpuint(count(text, "the rest is dropped"), ==, 1);
}

/* Endless output does not keep the loop busy, and ends with the time limit. */
static void test_endless_output(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL;
    fd_set set;
    int max = -1;

    script(b, CRASH, "touch $D/on; exec yes");
    run(b, CRASH, 1, 7);
    await_file(b, "on");
    for (int i = 0; i < 20; i++)
        turn(b);
    FD_ZERO(&set);
    hooks_add_fds(b->hooks, &set, &max);
    g_assert_cmpint(max, ==, -1);
    g_assert_cmpint(mono_diff(hooks_deadline(b->hooks), b->now), <=, SPAN_MS(10));
    b->now = mono_add(b->now, TIMEOUT);
    await_ended(b, 1);
    expect_end(b, 0, 7, HOOK_TIMED_OUT, 0);
    text = bench_free(b);
    g_assert_cmpuint(count(text, "the rest is dropped"), ==, 1);
}

/* A daemon that a script starts keeps its output open: nobody waits for it, nobody ends it. */
static void test_grandchild(void)
{
    Bench *b = bench_new();
    pid_t pid;

    script(b, CRASH, "sleep 1000 & echo $! >$D/pid; exit 0");
    run_one(b, CRASH, HOOK_EXITED, 0);
    pid = pid_in(b, "pid");
    g_assert_cmpint(kill(pid, 0), ==, 0);
    g_free(bench_free(b));
    g_assert_false(is_gone(pid));
    kill(pid, SIGKILL);
}

static void test_fork_storm(void)
{
    Bench *b = bench_new();

    script(b, CRASH,
           "for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done\n"
           "echo $! >$D/last; mv $D/last $D/pid; wait");
    run(b, CRASH, 1, 7);
    await_file(b, "pid");
    b->now = mono_add(b->now, TIMEOUT);
    await_ended(b, 1);
    expect_end(b, 0, 7, HOOK_TIMED_OUT, 0);
    await_death(b, pid_in(b, "pid"));
    b->now = mono_add(b->now, SPAN_S(5));
    await_gone(b);
    g_free(bench_free(b));
}

/* Deaf to TERM: five seconds later KILL. */
static void test_hang(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL;
    pid_t pid;

    script(b, REBOOT,
           "trap '' TERM; echo $$ >$D/p; mv $D/p $D/pid\n"
           "while :; do sleep 1000; done");
    run(b, REBOOT, 1, 7);
    await_file(b, "pid");
    pid = pid_in(b, "pid");
    b->now = mono_add(b->now, TIMEOUT);
    for (int i = 0; i < 30; i++)
        turn(b);
    g_assert_cmpuint(b->ended->len, ==, 0);
    g_assert_false(is_gone(pid));
    b->now = mono_add(b->now, SPAN_S(5));
    await_ended(b, 1);
    expect_end(b, 0, 7, HOOK_TIMED_OUT, 0);
    await_death(b, pid);
    await_gone(b);
    g_assert_cmpuint(hooks_count(b->hooks, REBOOT, HOOK_TIMED_OUT), ==, 1);
    text = bench_free(b);
    g_assert_cmpuint(count(text, "timed out (script_timeout), terminating"), ==, 1);
}

/* The script heeds TERM, its child does not: the end is told at once, the child killed later. */
static void test_deaf_child(void)
{
    Bench *b = bench_new();
    pid_t pid;

    script(b, REBOOT,
           "(trap '' TERM; while :; do sleep 1000; done) & echo $! >$D/p; mv $D/p $D/pid; wait");
    run(b, REBOOT, 1, 7);
    await_file(b, "pid");
    pid = pid_in(b, "pid");
    b->now = mono_add(b->now, TIMEOUT);
    await_ended(b, 1);
    expect_end(b, 0, 7, HOOK_TIMED_OUT, 0);
    g_assert_cmpuint(b->hooks->active->len, ==, 1);
    b->now = mono_add(b->now, SPAN_S(5));
    await_death(b, pid);
    await_gone(b);
    g_assert_cmpuint(b->ended->len, ==, 1);
    g_free(bench_free(b));
}

static void test_new_timeout(void)
{
    Bench *b = bench_new();

    script(b, CRASH, "touch $D/on; exec sleep 1000");
    hooks_set_timeout(b->hooks, SPAN_S(1));
    run(b, CRASH, 1, 7);
    await_file(b, "on");
    b->now = mono_add(b->now, SPAN_S(1));
    await_ended(b, 1);
    expect_end(b, 0, 7, HOOK_TIMED_OUT, 0);
    g_free(bench_free(b));
}

/* What is wrong with a hook, by name, and how to fix it; %s is its path. */
static void expect_refused(Bench *b, const char *format)
{
    g_autofree char *path = g_build_filename(b->s.path, "scripts/netdump-crash", NULL);
    g_auto(GStrv) parts = g_strsplit(format, "%s", -1);
    g_autofree char *want = g_strjoinv(path, parts);
    g_autofree char *line = g_strdup_printf("warning: netdump-crash[10.0.0.5] not run: %s\n", want);
    g_autofree char *text = NULL;

    run_one(b, CRASH, HOOK_NOT_RUN, EPERM);
    g_assert_cmpuint(b->hooks->waiting.length, ==, 0);
    g_assert_cmpuint(hooks_count(b->hooks, CRASH, HOOK_NOT_RUN), ==, 1);
    text = bench_free(b);
    g_assert_nonnull(strstr(text, line));
}

static void test_not_executable(void)
{
    Bench *b = bench_new();

    put_script(b, "netdump-crash", "#!/bin/sh\n", 0644);
    expect_refused(b, "%s is not executable; run \"chmod +x %s\"");
}

static void test_writable(void)
{
    static const guint modes[] = {0775, 0757, 0777};

    for (gsize i = 0; i < G_N_ELEMENTS(modes); i++) {
        Bench *b = bench_new();
        put_script(b, "netdump-crash", "#!/bin/sh\n", modes[i]);
        expect_refused(b, "%s is writable by its group or others; run \"chmod go-w %s\"");
    }
}

static void test_writable_directory(void)
{
    static const guint modes[] = {0775, 0757, 01777};

    for (gsize i = 0; i < G_N_ELEMENTS(modes); i++) {
        Bench *b = bench_new();
        g_autofree char *scripts = g_build_filename(b->s.path, "scripts", NULL);
        g_autofree char *want = g_strdup_printf(
            "%s is writable by its group or others; run \"chmod go-w %s\"", scripts, scripts);
        put_script(b, "netdump-crash", "#!/bin/sh\n", 0755);
        g_assert_cmpint(chmod(scripts, modes[i]), ==, 0);
        expect_refused(b, want);
    }
}

static void test_writable_dumpdir(void)
{
    Bench *b = bench_new();
    g_autofree char *want =
        g_strdup_printf("%s is world-writable; run \"chmod o-w %s\"", b->s.path, b->s.path);

    put_script(b, "netdump-crash", "#!/bin/sh\n", 0755);
    g_assert_cmpint(fchmod(b->s.fd, 0777), ==, 0);
    expect_refused(b, want);
}

static void test_foreign_owner(void)
{
    Bench *b = bench_new();

    if (geteuid() != 0) {
        g_free(bench_free(b));
        g_test_skip("only root can give a file away");
        return;
    }
    put_script(b, "netdump-crash", "#!/bin/sh\n", 0755);
    g_assert_cmpint(fchownat(b->s.fd, "scripts/netdump-crash", 65534, 65534, 0), ==, 0);
    expect_refused(
        b,
        "%s is owned by neither root nor the server's user; run \"chown root %s\" if you trust it");
}

static void test_no_file(void)
{
    Bench *b = bench_new();

    g_assert_cmpint(mkdirat(b->s.fd, "scripts/netdump-crash", 0755), ==, 0);
    expect_refused(b, "%s is not a file");
    b = bench_new();
    g_assert_cmpint(symlinkat("nowhere", b->s.fd, "scripts/netdump-crash"), ==, 0);
    expect_refused(b, "%s is a dangling symlink");
}

/* A link is as good as the file that it leads to, and the directory which that is in. */
static void test_link(void)
{
    Bench *b = bench_new();
    g_autofree char *shared = g_build_filename(b->s.path, "shared", NULL);
    g_autofree char *want = g_strdup_printf(
        "%s is writable by its group or others; run \"chmod go-w %s\"", shared, shared);

    g_assert_cmpint(mkdir(shared, 0755), ==, 0);
    put_script(b, "../shared/script", "#!/bin/sh\nexit 4\n", 0755);
    g_assert_cmpint(symlinkat("../shared/script", b->s.fd, "scripts/netdump-crash"), ==, 0);
    run_one(b, CRASH, HOOK_EXITED, 4);
    g_assert_cmpint(chmod(shared, 0777), ==, 0);
    expect_refused(b, want);
}

/* A script that is called again and again for machines that anybody can invent. */
static void test_refusals_are_limited(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL;

    put_script(b, "netdump-crash", "#!/bin/sh\n", 0644);
    for (guint i = 0; i < 1000; i++)
        run(b, CRASH, i, 7);
    await_ended(b, 1000);
    for (guint i = 0; i < 1000; i++)
        expect_end(b, i, 7, HOOK_NOT_RUN, EPERM);
    b->now = hooks_deadline(b->hooks);
    g_assert_cmpint(b->now.us, <, MONO_NEVER.us);
    hooks_tick(b->hooks, b->now);
    g_assert_cmpint(hooks_deadline(b->hooks).us, ==, MONO_NEVER.us);
    text = bench_free(b);
    g_assert_cmpuint(count(text, "not run"), ==, 3);
    g_assert_nonnull(strstr(text, "997 similar messages were suppressed"));
}

/* valgrind ends a process whose exec fails. */
static gboolean exec_may_fail(void)
{
    const char *preload = g_getenv("LD_PRELOAD");

    if (!preload || !strstr(preload, "vgpreload"))
        return TRUE;
    g_test_skip("valgrind cannot follow a failing exec");
    return FALSE;
}

static void test_bad_interpreter(void)
{
    Bench *b;
    g_autofree char *text = NULL;

    if (!exec_may_fail())
        return;
    b = bench_new();

    put_script(b, "netdump-crash", "#!/no/such/shell\n", 0755);
    run_one(b, CRASH, HOOK_NOT_RUN, ENOENT);
    put_script(b, "netdump-crash", "echo hello\n", 0755);
    run_one(b, CRASH, HOOK_NOT_RUN, ENOEXEC);
    g_assert_cmpuint(hooks_count(b->hooks, CRASH, HOOK_NOT_RUN), ==, 2);
    text = bench_free(b);
    g_assert_nonnull(
        strstr(text, "warning: netdump-crash[10.0.0.5]: cannot execute: No such file or directory "
                     "(does the interpreter in its first line exist?)\n"));
    g_assert_nonnull(strstr(text, "netdump-crash[10.0.0.5]: cannot execute: Exec format error (its "
                                  "first line must name an interpreter such as #!/bin/sh)\n"));
}

/* There when it was asked for, gone when its turn comes: as if it had never been there. */
static void test_vanished(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL;

    script(b, CRASH, "exit 0");
    run(b, CRASH, 1, 7);
    g_assert_cmpint(unlinkat(b->s.fd, "scripts/netdump-crash", 0), ==, 0);
    await_ended(b, 1);
    expect_end(b, 0, 7, HOOK_NOT_RUN, 0);
    text = bench_free(b);
    g_assert_cmpstr(text, ==, "");
}

/* Of one key one at a time, in order; another key beside it. */
static void test_order(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL;

    script(b, CRASH,
           "echo crash >>$D/order; while ! [ -e $D/go ]; do sleep .02; done\n"
           "echo crash ends >>$D/order");
    script(b, NOSPACE, "echo nospace >>$D/order");
    script(b, REBOOT, "echo reboot >>$D/order");
    script(b, START, "touch $D/other");
    run(b, CRASH, 1, 1);
    run(b, NOSPACE, 1, 2);
    run(b, REBOOT, 1, 3);
    run(b, START, 2, 4);
    await_file(b, "other");
    await_ended(b, 1);
    expect_end(b, 0, 4, HOOK_EXITED, 0);
    g_assert_cmpuint(b->hooks->active->len, ==, 1);
    g_assert_cmpuint(b->hooks->waiting.length, ==, 2);
    scratch_put(&b->s, "go", "", 0);
    await_ended(b, 4);
    for (guint i = 1; i < 4; i++)
        expect_end(b, i, i, HOOK_EXITED, 0);
    text = scratch_get(&b->s, "order", NULL);
    g_assert_cmpstr(text, ==, "crash\ncrash ends\nnospace\nreboot\n");
    g_free(bench_free(b));
}

/* 16 run, 1,024 wait, the next is refused; all that were taken get their callback. */
static void test_limits(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL;
    guint64 seen = 0;

    script(b, CRASH, "while ! [ -e $D/go ]; do sleep .1; done");
    for (guint64 id = 0; id < 16; id++)
        run(b, CRASH, id, id);
    turn(b);
    g_assert_cmpuint(b->hooks->active->len, ==, 16);
    for (guint64 id = 16; id < 80; id++)
        run(b, CRASH, id, id);
    turn(b);
    g_assert_cmpuint(b->hooks->active->len, ==, 16);
    g_assert_cmpuint(b->hooks->waiting.length, ==, 64);
    scratch_put(&b->s, "go", "", 0);
    await_ended(b, 80);
    for (guint i = 0; i < 80; i++)
        seen += g_array_index(b->ended, Ended, i).id;
    g_assert_cmpuint(seen, ==, 79 * 80 / 2);
    for (guint64 id = 0; id < 1024; id++)
        run(b, CRASH, id, id);
    for (guint64 id = 0; id < 20; id++)
        run(b, CRASH, id, id);
    turn(b);
    g_assert_cmpuint(b->ended->len, ==, 100);
    for (guint i = 0; i < 20; i++)
        expect_end(b, 80 + i, i, HOOK_NOT_RUN, EAGAIN);
    text = bench_free(b);
    g_assert_cmpuint(count(text, "not run: 0 hooks running, 1024 waiting already"), ==, 3);
}

/* netdump-start can be provoked by anyone: it leaves room for the others. */
static void test_starts(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL;

    script(b, START, "while ! [ -e $D/go ]; do sleep .1; done");
    script(b, CRASH, "exit 0");
    hooks_free(b->hooks);
    b->hooks = new_hooks(b); /* sees that they are there */
    for (guint64 key = 0; key < 64; key++)
        run(b, START, key, key);
    run(b, START, 64, 64);
    g_assert_cmpuint(b->ended->len, ==, 0);
    turn(b);
    g_assert_cmpuint(b->hooks->active->len, ==, 8);
    expect_end(b, 0, 64, HOOK_NOT_RUN, EAGAIN);
    run(b, CRASH, 100, 100);
    await_ended(b, 2);
    expect_end(b, 1, 100, HOOK_EXITED, 0);
    scratch_put(&b->s, "go", "", 0);
    await_ended(b, 66);
    text = bench_free(b);
    g_assert_nonnull(strstr(text, "netdump-start[10.0.0.5] not run: 0 hooks running, 64 waiting"));
}

static guint count_files(const Bench *b, const char *prefix)
{
    GDir *dir = g_dir_open(b->s.path, 0, NULL);
    const char *name;
    guint n = 0;

    while ((name = g_dir_read_name(dir)))
        n += g_str_has_prefix(name, prefix) ? 1 : 0;
    g_dir_close(dir);
    return n;
}

/* Nobody is told that a hook is not run which does not exist. */
static void test_full_of_missing(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL;

    for (guint64 key = 0; key < 100; key++)
        run(b, START, key, key);
    await_ended(b, 100);
    text = bench_free(b);
    g_assert_cmpstr(text, ==, "");
}

/* Who has waited too long for its turn is not run, and its owner is told. */
static void test_patience(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL;
    guint64 running = 0;

    script(b, CRASH, "echo >$D/on.$NETDUMP_CLIENT.$$; exec sleep 1000");
    for (guint64 id = 0; id < 17; id++)
        run(b, CRASH, id, id);
    while (count_files(b, "on.") < 16)
        turn_of(b, 0);
    running = b->hooks->active->len;
    g_assert_cmpuint(running, ==, 16);
    g_assert_cmpuint(b->hooks->waiting.length, ==, 1);
    hooks_set_timeout(b->hooks, SPAN_S(100000));
    run(b, CRASH, 17, 17);
    b->now = mono_add(b->now, 2 * SPAN_S(60) + SPAN_S(10));
    g_assert_false(mono_before(b->now, hooks_deadline(b->hooks)));
    hooks_tick(b->hooks, b->now);
    g_assert_cmpuint(b->hooks->waiting.length, ==, 1);
    g_assert_cmpuint(b->ended->len, ==, 1);
    expect_end(b, 0, 16, HOOK_NOT_RUN, ETIMEDOUT);
    text = bench_free(b);
    g_assert_nonnull(strstr(text, "not run: queue wait exceeded"));
}

/* From its callback the owner may ask for the next one. */
static void test_chain(void)
{
    Bench *b = bench_new();

    b->chain = TRUE;
    script(b, CRASH, "exit 0");
    run(b, CRASH, 1, 0);
    await_ended(b, 6);
    for (guint i = 0; i < 6; i++)
        expect_end(b, i, i, HOOK_EXITED, 0);
    g_free(bench_free(b));
}

/* -- a slow start -------------------------------------------------------------------------------
 */

static const OffLoopJob *held(const Bench *b, guint i)
{
    g_assert_cmpuint(b->held->len, >, i);
    return &g_array_index(b->held, OffLoopJob, i);
}

static void finish(const OffLoopJob *job)
{
    job->done(job->data);
    job->destroy(job->data);
}

/* Nothing is touched in the loop's thread, and one that hangs holds up no other one: not those of
 * other clients, and once it is given up, none of its own client. */
static void test_stalled_start(void)
{
    Bench *b = bench_new();
    g_autofree char *text = NULL;

    script(b, CRASH, "touch $D/crash; exec sleep 1000");
    script(b, REBOOT, "touch $D/reboot.$NETDUMP_CLIENT");
    b->hold = TRUE;
    run(b, CRASH, 1, 1);
    turn(b);
    g_assert_cmpuint(b->held->len, ==, 1);
    b->hold = FALSE;
    run(b, REBOOT, 1, 2);
    run(b, REBOOT, 2, 3);
    await_ended(b, 1);
    expect_end(b, 0, 3, HOOK_EXITED, 0);
    g_assert_cmpuint(b->hooks->waiting.length, ==, 1);
    b->now = mono_add(b->now, TIMEOUT);
    await_ended(b, 3);
    expect_end(b, 1, 1, HOOK_NOT_RUN, ETIMEDOUT);
    expect_end(b, 2, 2, HOOK_EXITED, 0);
    g_assert_cmpuint(b->hooks->active->len, ==, 1);

    /* It starts after all: nobody waits for it any more. */
    held(b, 0)->run(held(b, 0)->data);
    finish(held(b, 0));
    await_gone(b);
    g_assert_cmpuint(b->ended->len, ==, 3);
    text = bench_free(b);
    g_assert_cmpuint(count(text, "cannot start: file system does not respond"), ==, 1);
}

/* Given up, and it turns out that there is none. */
static void test_stalled_missing(void)
{
    Bench *b = bench_new();

    b->hold = TRUE;
    run(b, CRASH, 1, 1);
    turn(b);
    b->now = mono_add(b->now, TIMEOUT);
    await_ended(b, 1);
    held(b, 0)->run(held(b, 0)->data);
    finish(held(b, 0));
    g_assert_cmpuint(b->hooks->active->len, ==, 0);
    g_assert_cmpuint(b->ended->len, ==, 1);
    g_free(bench_free(b));
}

/* The one that wrote its pid; the loop does not turn meanwhile. */
static void await_zombie(const Bench *b)
{
    for (int i = 0; i < PATIENCE && !scratch_has(&b->s, "pid"); i++)
        g_usleep(10000);
    for (int i = 0; i < PATIENCE && !is_gone(pid_in(b, "pid")); i++)
        g_usleep(10000);
    g_assert_true(is_gone(pid_in(b, "pid")));
}

/* Its process has ended, and SIGCHLD has come, before the loop knows of it. */
static void test_ended_early(void)
{
    Bench *b = bench_new();

    script(b, CRASH, "echo $$ >$D/p; mv $D/p $D/pid; exit 5");
    b->hold = TRUE;
    run(b, CRASH, 1, 1);
    turn(b);
    held(b, 0)->run(held(b, 0)->data);
    await_zombie(b);
    hooks_reap(b->hooks, b->now);
    g_assert_cmpuint(b->ended->len, ==, 0);
    finish(held(b, 0));
    g_assert_cmpuint(b->ended->len, ==, 1);
    expect_end(b, 0, 1, HOOK_EXITED, 5);
    g_assert_cmpuint(b->hooks->active->len, ==, 0);
    g_free(bench_free(b));
}

/* The time limit counts from when it runs, not from when it was to be started. */
static void test_slow_start(void)
{
    Bench *b = bench_new();

    script(b, CRASH, "touch $D/on; exec sleep 1000");
    b->hold = TRUE;
    run(b, CRASH, 1, 1);
    turn(b);
    b->now = mono_add(b->now, TIMEOUT - SPAN_S(1));
    turn(b);
    held(b, 0)->run(held(b, 0)->data);
    finish(held(b, 0));
    await_file(b, "on");
    b->now = mono_add(b->now, SPAN_S(30));
    turn(b);
    turn(b);
    g_assert_cmpuint(b->ended->len, ==, 0);
    b->now = mono_add(b->now, SPAN_S(30));
    await_ended(b, 1);
    expect_end(b, 0, 1, HOOK_TIMED_OUT, 0);
    g_free(bench_free(b));
}

/* The server ends while a thread starts a hook; hooks and threads may end in either order. */
static void end_while_starting(gboolean hooks_first)
{
    Bench *b = bench_new();
    pid_t pid;

    script(b, CRASH, "echo $$ >$D/p; mv $D/p $D/pid; exec sleep 1000");
    b->hold = TRUE;
    run(b, CRASH, 1, 1);
    run(b, CRASH, 2, 2);
    turn(b);
    if (hooks_first)
        hooks_free(g_steal_pointer(&b->hooks));
    held(b, 0)->run(held(b, 0)->data);
    for (int i = 0; i < PATIENCE && !scratch_has(&b->s, "pid"); i++)
        g_usleep(10000);
    pid = pid_in(b, "pid");
    held(b, 0)->destroy(held(b, 0)->data);
    held(b, 1)->destroy(held(b, 1)->data);
    hooks_free(g_steal_pointer(&b->hooks));
    for (int i = 0; i < PATIENCE && !is_gone(pid); i++)
        g_usleep(10000);
    g_assert_true(is_gone(pid));
    g_assert_cmpuint(b->ended->len, ==, 0);
    g_free(bench_free(b));
}

static void test_free_starting(void)
{
    end_while_starting(FALSE);
    end_while_starting(TRUE);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

/* The end of the server: running scripts end, deaf ones too; nobody is called back. */
static void test_free(void)
{
    Bench *b = bench_new();
    pid_t pids[2];

    script(b, CRASH, "echo $$ >$D/c; mv $D/c $D/crash; exec sleep 1000");
    script(b, REBOOT,
           "trap '' TERM; echo $$ >$D/r; mv $D/r $D/reboot\n"
           "while :; do sleep 1000; done");
    run(b, CRASH, 1, 1);
    run(b, CRASH, 1, 2);
    run(b, REBOOT, 2, 3);
    await_file(b, "crash");
    await_file(b, "reboot");
    pids[0] = pid_in(b, "crash");
    pids[1] = pid_in(b, "reboot");
    hooks_free(b->hooks);
    b->hooks = NULL;
    g_assert_cmpuint(b->ended->len, ==, 0);
    g_assert_true(is_gone(pids[0]));
    g_assert_true(is_gone(pids[1]));
    g_free(bench_free(b));
}

static guint open_files(void)
{
    GDir *dir = g_dir_open("/proc/self/fd", 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir))
        n++;
    g_dir_close(dir);
    return n;
}

static void test_no_leak(void)
{
    guint before = open_files();
    Bench *b;

    if (!exec_may_fail())
        return;
    b = bench_new();
    script(b, CRASH, "echo x");
    put_script(b, "netdump-reboot", "no interpreter", 0755);
    for (int i = 0; i < 20; i++) {
        run_one(b, CRASH, HOOK_EXITED, 0);
        run_one(b, REBOOT, HOOK_NOT_RUN, ENOEXEC);
    }
    g_free(bench_free(b));
    g_assert_cmpuint(open_files(), ==, before);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hooks/missing", test_missing);
    g_test_add_func("/hooks/arguments", test_arguments);
    g_test_add_func("/hooks/environment", test_environment);
    g_test_add_func("/hooks/ends", test_ends);
    g_test_add_func("/hooks/output", test_output);
    g_test_add_func("/hooks/much-output", test_much_output);
    g_test_add_func("/hooks/wide-output", test_wide_output);
    g_test_add_func("/hooks/endless-output", test_endless_output);
    g_test_add_func("/hooks/grandchild", test_grandchild);
    g_test_add_func("/hooks/fork-storm", test_fork_storm);
    g_test_add_func("/hooks/hang", test_hang);
    g_test_add_func("/hooks/deaf-child", test_deaf_child);
    g_test_add_func("/hooks/new-timeout", test_new_timeout);
    g_test_add_func("/hooks/not-executable", test_not_executable);
    g_test_add_func("/hooks/writable", test_writable);
    g_test_add_func("/hooks/writable-directory", test_writable_directory);
    g_test_add_func("/hooks/writable-dumpdir", test_writable_dumpdir);
    g_test_add_func("/hooks/foreign-owner", test_foreign_owner);
    g_test_add_func("/hooks/no-file", test_no_file);
    g_test_add_func("/hooks/link", test_link);
    g_test_add_func("/hooks/refusals-are-limited", test_refusals_are_limited);
    g_test_add_func("/hooks/bad-interpreter", test_bad_interpreter);
    g_test_add_func("/hooks/vanished", test_vanished);
    g_test_add_func("/hooks/order", test_order);
    g_test_add_func("/hooks/limits", test_limits);
    g_test_add_func("/hooks/starts", test_starts);
    g_test_add_func("/hooks/full-of-missing", test_full_of_missing);
    g_test_add_func("/hooks/stalled-start", test_stalled_start);
    g_test_add_func("/hooks/stalled-missing", test_stalled_missing);
    g_test_add_func("/hooks/ended-early", test_ended_early);
    g_test_add_func("/hooks/slow-start", test_slow_start);
    g_test_add_func("/hooks/free-starting", test_free_starting);
    g_test_add_func("/hooks/patience", test_patience);
    g_test_add_func("/hooks/chain", test_chain);
    g_test_add_func("/hooks/free", test_free);
    g_test_add_func("/hooks/no-leak", test_no_leak);
    return g_test_run();
}
