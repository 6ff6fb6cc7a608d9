/* test-config.c - good and bad files and command lines, with the messages that they get.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "io/config/config_internal.h"
#include "io/config/config_reload.h"
#include "scratch.h"

#include <net/if.h>

static Config *parse(const char *text, GError **error)
{
    return config_from_text("f", text, strlen(text), error);
}

/* config_print() of it, without the first line. */
static char *printed(const Config *c)
{
    char *text = NULL;
    gsize len = 0;
    FILE *out = open_memstream(&text, &len);
    char *body;

    g_assert_nonnull(out);
    config_print(c, out);
    g_assert_cmpint(fclose(out), ==, 0);
    body = g_strdup(strchr(text, '\n') + 1);
    free(text);
    return body;
}

static const char defaults[] = "port=6688\n"
                               "# addr is not set\n"
                               "max_concurrent_dumps=4\n"
                               "# pidfile is not set\n"
                               "daemon=0\n"
                               "dumpdir=" LOCALSTATEDIR "/spool/crash\n"
                               "secure=0\n"
                               "space_check=1\n"
                               "client_timeout=60\n"
                               "script_timeout=60\n"
                               "window=128\n"
                               "min_free=5\n"
                               "# allow is not set\n"
                               "# metrics_file is not set\n";

/* The text must be a good file whose effect is this one line instead of its default. */
static void test_good(void)
{
    static const struct {
        const char *text, *line; /* line NULL: just the defaults */
    } cases[] = {
        {"", NULL},
        {"\n\n  \n# comment\n   # another = one\n", NULL},
        {"port=1234", "port=1234"},
        {"port=1234\n", "port=1234"},
        {"port=1234\r\n", "port=1234"},
        {"\xef\xbb\xbfport=1234\n", "port=1234"},
        {"\t port \t=\t 1234 \t\n", "port=1234"},
        {"port=0", "port=0"},
        {"port=65535", "port=65535"},
        {"port=00080", "port=80"},
        {"addr=10.0.0.5", "addr=10.0.0.5"},
        {"addr=2001:DB8::0:5", "addr=2001:db8::5"},
        {"addr=", NULL},
        {"max_concurrent_dumps=0", "max_concurrent_dumps=0"},
        {"max_concurrent_dumps=1024", "max_concurrent_dumps=1024"},
        {"pidfile=/run/x.pid", "pidfile=/run/x.pid"},
        {"pidfile=", NULL},
        {"pidfile=run/x.pid", "pidfile=/run/x.pid"},
        {"daemon=1", "daemon=1"},
        {"daemon=Yes", "daemon=1"},
        {"daemon=off", NULL},
        {"space_check=false", "space_check=0"},
        {"dumpdir=/srv/a b=c#d/", "dumpdir=/srv/a b=c#d"},
        {"dumpdir=///", "dumpdir=/"},
        {"dumpdir=/a //", "dumpdir=/a /"},
        {"client_timeout=86400", "client_timeout=86400"},
        {"script_timeout=1", "script_timeout=1"},
        {"window=1", "window=1"},
        {"min_free=50", "min_free=50"},
        {"allow=10.0.0.0/8", "allow=10.0.0.0/8"},
        {"allow=10.0.0.0/8 ,::1\tfe80::/10", "allow=10.0.0.0/8, ::1, fe80::/10"},
        {"allow=10.0.0.5\n\nallow=::1", "allow=10.0.0.5, ::1"},
        {"metrics_file=/x.prom", "metrics_file=/x.prom"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Config) c = parse(cases[i].text, &error);
        g_autoptr(Config) again = NULL;
        g_autofree char *text = NULL, *same = NULL;
        g_auto(GStrv) lines = NULL, base = g_strsplit(defaults, "\n", -1);
        guint different = 0;

        g_test_message("%s", cases[i].text);
        g_assert_no_error(error);
        text = printed(c);
        lines = g_strsplit(text, "\n", -1);
        g_assert_cmpuint(g_strv_length(lines), ==, g_strv_length(base));
        for (guint k = 0; base[k]; k++)
            if (strcmp(lines[k], base[k]) != 0) {
                different++;
                g_assert_cmpstr(lines[k], ==, cases[i].line);
            }
        g_assert_cmpuint(different, ==, cases[i].line ? 1 : 0);
        again = parse(text, &error);
        g_assert_no_error(error);
        same = printed(again);
        g_assert_cmpstr(same, ==, text);
    }
}

static void test_bad(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"prot=1", "f:1: unknown key \"prot\"; did you mean \"port\"?"},
        {"\n\nDump-Dir=/x", "f:3: unknown key \"Dump-Dir\"; did you mean \"dumpdir\"?"},
        {"max_concurent_dumps=1",
         "f:1: unknown key \"max_concurent_dumps\"; did you mean \"max_concurrent_dumps\"?"},
        {"colour=red", "f:1: unknown key \"colour\"; see netdump-server.conf(5)"},
        {"=1", "f:1: unknown key \"\"; see netdump-server.conf(5)"},
        {"verbose=1", "f:1: unknown key \"verbose\"; see netdump-server.conf(5)"},
        {"port", "f:1: \"port\" is not a key=value line"},
        {"[server]", "f:1: \"[server]\" is not a key=value line"},
        {"port=x", "f:1: port: \"x\" must be a whole number from 0 to 65535"},
        {"port=", "f:1: port: \"\" must be a whole number from 0 to 65535"},
        {"port=-1", "f:1: port: \"-1\" must be a whole number from 0 to 65535"},
        {"port=65536", "f:1: port: \"65536\" must be a whole number from 0 to 65535"},
        {"port=0x10", "f:1: port: \"0x10\" must be a whole number from 0 to 65535"},
        {"port=99999999999999999999",
         "f:1: port: \"99999999999999999999\" must be a whole number from 0 to 65535"},
        {"port=6666 # x", "f:1: port: comments need their own line"},
        {"dumpdir=/x\t# y", "f:1: dumpdir: comments need their own line"},
        {"dumpdir=\"/x\"", "f:1: dumpdir: remove the quotes"},
        {"dumpdir='/x'", "f:1: dumpdir: remove the quotes"},
        {"dumpdir=/x\x01y", "f:1: dumpdir: control character in the value"},
        {"dumpdir=",
         "f:1: dumpdir: empty value; give a path such as " LOCALSTATEDIR "/spool/crash"},
        {"client_timeout=0",
         "f:1: client_timeout: \"0\" must be a whole number from 1 to 86400 (seconds)"},
        {"client_timeout=60s",
         "f:1: client_timeout: \"60s\" must be a whole number from 1 to 86400 (seconds)"},
        {"window=129", "f:1: window: \"129\" must be a whole number from 1 to 128 (pages)"},
        {"min_free=5%", "f:1: min_free: \"5%\" must be a whole number from 0 to 50 (percent)"},
        {"max_concurrent_dumps=1025",
         "f:1: max_concurrent_dumps: \"1025\" must be a whole number from 0 to 1024"},
        {"secure=2", "f:1: secure: \"2\" must be 0 or 1"},
        {"secure=", "f:1: secure: \"\" must be 0 or 1"},
        {"addr=example.org", "f:1: addr: \"example.org\" is not an IP address; use 10.0.0.5 or "
                             "2001:db8::5, not a host name"},
        {"allow=",
         "f:1: allow: empty value; list addresses and networks, or remove the line to allow any"},
        {"allow=10.0.0.0/8 10.0.0.0/99",
         "f:1: allow: \"10.0.0.0/99\": the prefix length must be from 0 to 32"},
        {"allow=10.1.0.0/8", "f:1: allow: \"10.1.0.0/8\" has host bits set; use 10.0.0.0/8 for the "
                             "network, or omit /8 for a single host"},
        {"port=1\n# x\nport=2", "f:3: duplicate key port, first set in line 1; remove one"},
        {"port=x\nport=2", "f:1: port: \"x\" must be a whole number from 0 to 65535\n"
                           "f:2: duplicate key port, first set in line 1; remove one"},
        {"daemon=1\npidfile=x.pid",
         "f:2: pidfile: \"x.pid\" must be an absolute path in daemon mode"},
        {"dumpdir=x\nmetrics_file=y\ndaemon=1",
         "f:1: dumpdir: \"x\" must be an absolute path in daemon mode\n"
         "f:2: metrics_file: \"y\" must be an absolute path in daemon mode"},
        {"prot=1\nsecure=3\nnonsense\n", "f:1: unknown key \"prot\"; did you mean \"port\"?\n"
                                         "f:2: secure: \"3\" must be 0 or 1\n"
                                         "f:3: \"nonsense\" is not a key=value line"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_test_message("%s", cases[i].text);
        g_assert_null(parse(cases[i].text, &error));
        g_assert_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE);
        g_assert_cmpstr(error->message, ==, cases[i].message);
    }
}

static void test_nul(void)
{
    static const char text[] = "port=1\0\nport=2\n\0";
    g_autoptr(GError) error = NULL;

    g_assert_null(config_from_text("f", text, sizeof text - 1, &error));
    g_assert_cmpstr(error->message, ==,
                    "f:1: NUL byte in the line\n"
                    "f:3: NUL byte in the line");
}

static void test_long(void)
{
    g_autofree char *path = g_strnfill(1500, 'x'), *key = g_strnfill(100000, 'k');
    g_autofree char *text = g_strdup_printf("dumpdir=/%s\n%s=1\n", path, key);
    g_autofree char *shown = g_strnfill(60, 'k'), *want = NULL;
    g_autoptr(GError) error = NULL;

    want = g_strdup_printf("f:1: dumpdir: path is 1501 bytes long, the limit is 1024\n"
                           "f:2: unknown key \"%s\"; see netdump-server.conf(5)",
                           shown);
    g_assert_null(parse(text, &error));
    g_assert_cmpstr(error->message, ==, want);
}

static void test_many_problems(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) lines = NULL;

    for (int i = 0; i < 1000; i++)
        g_string_append(text, "x\n");
    g_assert_null(parse(text->str, &error));
    lines = g_strsplit(error->message, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 51);
    g_assert_cmpstr(lines[50], ==, "and 950 more errors");
}

static void test_many_rules(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) c = NULL;

    for (guint i = 0; i < CONFIG_ALLOW_MAX; i++)
        g_string_append_printf(text, "allow=10.0.%u.%u\n", i / 256, i % 256);
    c = parse(text->str, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(c->n_allow, ==, CONFIG_ALLOW_MAX);
    g_string_append(text, "allow=11.0.0.0/8\n");
    g_assert_null(parse(text->str, &error));
    g_assert_cmpstr(
        error->message, ==,
        "f:1025: allow: more than 1024 entries; combine them into networks such as 10.0.0.0/8");
}

/* An interface by its name: the loopback's, whose index is always there. */
static void test_interface(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) c = NULL;

    if (!if_nametoindex("lo")) {
        g_test_skip("there is no interface \"lo\"");
        return;
    }
    c = parse("addr=fe80::1%lo", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(c->addr.scope, ==, if_nametoindex("lo"));
}

/* config_load() of a command line, a NULL-terminated list behind the program's name. */
G_GNUC_NULL_TERMINATED
static Config *load(GError **error, ConfigTask *task, ...)
{
    char *argv[16] = {g_strdup("netdump-server")};
    int argc = 1;
    const char *arg;
    Config *c;
    va_list args;

    va_start(args, task);
    while ((arg = va_arg(args, const char *)))
        argv[argc++] = g_strdup(arg);
    va_end(args);
    c = config_load(argc, argv, task, error);
    while (argc > 0)
        g_free(argv[--argc]);
    return c;
}

static void test_command_line(void)
{
    Scratch s = scratch_new();
    g_autofree char *file = g_build_filename(s.path, "conf", NULL);
    static const char text[] = "port=1\nsecure=1\nwindow=7\n";
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) c = NULL;
    ConfigTask task;

    scratch_put(&s, "conf", text, sizeof text - 1);
    c = load(&error, &task, "-f", file, "--port=2", "-c", "0", "--secure=0", "-vD", "-P/p",
             "--port", "3", NULL);
    g_assert_no_error(error);
    g_assert_cmpint(task, ==, CONFIG_RUN);
    g_assert_cmpuint(c->port, ==, 3); /* the last one counts, as in a shell's alias */
    g_assert_cmpuint(c->max_concurrent_dumps, ==, 0);
    g_assert_false(c->secure);
    g_assert_cmpuint(c->window, ==, 7);
    g_assert_true(c->verbose);
    g_assert_true(c->daemon);
    g_assert_cmpstr(c->pidfile, ==, "/p");
    g_assert_cmpstr(c->file, ==, file);
    g_assert_true(c->file_read);
    scratch_free(&s);
}

static void test_check_config(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) c = NULL;
    ConfigTask task = CONFIG_RUN;

    c = load(&error, &task, "-t", "-f", "/dev/null", "-a", "127.0.0.1", NULL);
    g_assert_no_error(error);
    g_assert_cmpint(task, ==, CONFIG_CHECK);
    g_assert_cmpuint(c->addr.bytes[0], ==, 127);
    g_clear_pointer(&c, config_free);

    task = CONFIG_RUN;
    c = load(&error, &task, "--check-config", "-f", "/dev/null", "-p", "x", NULL);
    g_assert_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE);
    g_assert_cmpint(task, ==, CONFIG_CHECK);
}

/* Every problem of both places, the file's and the command line's. */
static void test_command_line_errors(void)
{
    Scratch s = scratch_new();
    g_autofree char *file = g_build_filename(s.path, "conf", NULL);
    g_autofree char *want = NULL;
    g_autoptr(GError) error = NULL;
    ConfigTask task;

    scratch_put(&s, "conf", "window=0\n", 9);
    g_assert_null(load(&error, &task, "--prot=1", "-p", "x", "-x", "stray", "--dumpdri", "/x", "-f",
                       file, "-s", NULL));
    want = g_strdup_printf("--prot: unknown option; did you mean --port?\n"
                           "-x: unknown option; see --help\n"
                           "--dumpdri: unknown option; did you mean --dumpdir?\n"
                           "-s: missing argument\n"
                           "\"stray\": unexpected argument; see --help\n"
                           "\"/x\": unexpected argument; see --help\n"
                           "%s:1: window: \"0\" must be a whole number from 1 to 128 (pages)\n"
                           "--port: \"x\" must be a whole number from 0 to 65535",
                           file);
    g_assert_cmpstr(error->message, ==, want);
    scratch_free(&s);
}

static void test_unreadable(void)
{
    Scratch s = scratch_new();
    g_autofree char *missing = g_build_filename(s.path, "missing", NULL);
    g_autofree char *big = g_build_filename(s.path, "big", NULL);
    g_autofree char *want = NULL;
    g_autoptr(GError) error = NULL;
    ConfigTask task;

    g_assert_null(load(&error, &task, "-f", missing, NULL));
    want = g_strdup_printf("%s: cannot read the configuration: No such file or directory", missing);
    g_assert_cmpstr(error->message, ==, want);
    g_clear_error(&error);

    g_assert_null(load(&error, &task, "-f", s.path, NULL));
    g_assert_nonnull(strstr(error->message, ": cannot read the configuration: Is a directory"));
    g_clear_error(&error);

    scratch_put(&s, "big", "", 0);
    g_assert_cmpint(truncate(big, (1 << 20) + 1), ==, 0);
    g_assert_null(load(&error, &task, "-f", big, NULL));
    g_assert_nonnull(strstr(error->message, ": cannot read the configuration: File too large"));
    scratch_free(&s);
}

static int as_nobody(const Scratch *s)
{
    g_autofree char *file = g_build_filename(s->path, "conf", NULL);
    g_autoptr(GError) error = NULL;
    ConfigTask task;

    scratch_become_nobody(s);
    scratch_put(s, "conf", "port=1\n", 7);
    if (chmod(file, 0) < 0 || load(&error, &task, "-f", file, NULL))
        return 1;
    return strstr(error->message, ": cannot read the configuration: Permission denied") ? 0 : 2;
}

static void test_permission(void)
{
    Scratch s = scratch_new();

    g_assert_true(scratch_child(as_nobody, &s));
    scratch_free(&s);
}

/* Relative paths, the file's own too, are taken from where we are. */
static void test_relative(void)
{
    Scratch s = scratch_new();
    g_autofree char *here = g_get_current_dir(), *dumps = NULL, *real = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) c = NULL;
    ConfigTask task;

    scratch_put(&s, "conf", "dumpdir=dumps\n", 14);
    g_assert_cmpint(fchdir(s.fd), ==, 0);
    c = load(&error, &task, "-f", "conf", NULL);
    real = g_get_current_dir();
    g_assert_cmpint(chdir(here), ==, 0);
    g_assert_no_error(error);
    dumps = g_build_filename(real, "dumps", NULL);
    g_assert_cmpstr(c->dumpdir, ==, dumps);
    g_assert_true(g_path_is_absolute(c->file));
    g_clear_pointer(&c, config_free);

    g_assert_null(load(&error, &task, "-f", "/dev/null", "-D", "-d", "dumps", NULL));
    g_assert_cmpstr(error->message, ==,
                    "--dumpdir: \"dumps\" must be an absolute path in daemon mode");
    scratch_free(&s);
}

static void test_reload(void)
{
    Scratch s = scratch_new();
    g_autofree char *file = g_build_filename(s.path, "conf", NULL);
    g_autofree char *kept = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) c = NULL, c2 = NULL, c3 = NULL;
    ConfigTask task;

    scratch_put(&s, "conf", "window=7\nport=5\nallow=::1\n", 26);
    c = load(&error, &task, "-f", file, "--secure=1", NULL);
    g_assert_no_error(error);

    c2 = config_reread(c->argv, c->start_in, &error);
    g_assert_no_error(error);
    g_assert_null(config_keep_fixed(c2, c));

    scratch_put(&s, "conf", "window=9\nport=6\ndumpdir=/new\nsecure=0\nmin_free=1\n", 49);
    c3 = config_reread(c2->argv, c2->start_in, &error);
    g_assert_no_error(error);
    kept = config_keep_fixed(c3, c2);
    g_assert_cmpstr(kept, ==, "port, dumpdir");
    g_assert_cmpuint(c3->port, ==, 5);
    g_assert_cmpstr(c3->dumpdir, ==, LOCALSTATEDIR "/spool/crash");
    g_assert_cmpuint(c3->window, ==, 9);
    g_assert_cmpuint(c3->min_free, ==, 1);
    g_assert_cmpuint(c3->n_allow, ==, 0);
    g_assert_true(c3->secure); /* the command line still beats the file */

    scratch_put(&s, "conf", "window=x\n=\n", 11);
    g_assert_null(config_reread(c3->argv, c3->start_in, &error));
    g_assert_nonnull(strstr(error->message, "conf:1: window: \"x\" must be"));
    g_assert_null(strchr(error->message, '\n'));
    g_clear_error(&error);

    /* Nobody may ever write to a pipe. */
    g_assert_cmpint(unlinkat(s.fd, "conf", 0), ==, 0);
    g_assert_cmpint(mkfifoat(s.fd, "conf", 0600), ==, 0);
    g_assert_null(config_reread(c3->argv, c3->start_in, &error));
    g_assert_nonnull(strstr(error->message, "is a pipe"));
    scratch_free(&s);
}

/* -- outside the loop ---------------------------------------------------------------------------
 */

typedef struct {
    OffLoopJob job; /* held until the test runs it */
    guint pushed, replies;
    guint window; /* as last read; 0 = an error */
} Holder;

static void hold(gpointer owner, const OffLoopJob *job)
{
    Holder *h = owner;

    h->job = *job;
    h->pushed++;
}

static void on_reloaded(gpointer user, Config *config, const GError *error)
{
    Holder *h = user;

    g_assert_true(!config == (error != NULL));
    h->replies++;
    h->window = config ? config->window : 0;
    config_free(config);
}

static void run_held(const Holder *h)
{
    OffLoopJob job = h->job;

    job.run(job.data);
    job.done(job.data);
    job.destroy(job.data);
}

static void test_reload_off_loop(void)
{
    Scratch s = scratch_new();
    g_autofree char *file = g_build_filename(s.path, "conf", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) c = NULL;
    Holder h = {0};
    OffLoop off = {hold, &h};
    ConfigReload *reload;
    OffLoopJob job;
    ConfigTask task;

    scratch_put(&s, "conf", "window=7\n", 9);
    c = load(&error, &task, "-f", file, NULL);
    g_assert_no_error(error);
    reload = config_reload_new(c, &off, on_reloaded, &h);
    scratch_put(&s, "conf", "window=8\n", 9);
    config_reload_start(reload);
    g_assert_cmpuint(h.replies, ==, 0);
    job = h.job;
    job.run(job.data);

    /* Asked for three times more before that is told: read once more. */
    scratch_put(&s, "conf", "window=9\n", 9);
    for (guint i = 0; i < 3; i++)
        config_reload_start(reload);
    g_assert_cmpuint(h.pushed, ==, 1);
    job.done(job.data);
    job.destroy(job.data);
    g_assert_cmpuint(h.replies, ==, 1);
    g_assert_cmpuint(h.window, ==, 8);
    g_assert_cmpuint(h.pushed, ==, 2);
    run_held(&h);
    g_assert_cmpuint(h.replies, ==, 2);
    g_assert_cmpuint(h.window, ==, 9);
    g_assert_cmpuint(h.pushed, ==, 2);

    scratch_put(&s, "conf", "window=x\n", 9);
    config_reload_start(reload);
    run_held(&h);
    g_assert_cmpuint(h.replies, ==, 3);
    g_assert_cmpuint(h.window, ==, 0);

    /* The threads end first; then the other way round. */
    config_reload_start(reload);
    h.job.destroy(h.job.data);
    config_reload_start(reload);
    job = h.job;
    job.run(job.data);
    config_reload_free(reload);
    job.done(job.data);
    job.destroy(job.data);
    g_assert_cmpuint(h.replies, ==, 3);
    scratch_free(&s);
}

static void test_shown_child(const char *option, const char *const *expected)
{
    g_autoptr(GError) error = NULL;
    ConfigTask task = CONFIG_RUN;

    if (g_test_subprocess()) {
        /* What is wrong elsewhere does not matter to who asks for help. */
        g_assert_null(load(&error, &task, option, "--port=x", "-f", "/missing", NULL));
        g_assert_no_error(error);
        g_assert_cmpint(task, ==, CONFIG_SHOWN);
        return;
    }
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed();
    for (; *expected; expected++)
        g_test_trap_assert_stdout(*expected);
}

static void test_help(void)
{
    test_shown_child("--help",
                     (const char *const[]){"*-p, --port=PORT*(default: 6688)*", "*--secure=0|1*",
                                           "*-D, --daemon*", "*-?, --help*", NULL});
}

static void test_usage(void)
{
    test_shown_child("--usage", (const char *const[]){"*Usage: netdump-server*", NULL});
}

static void test_version(void)
{
    test_shown_child("-V", (const char *const[]){"*netdump-server " NETDUMP_VERSION "\n*", NULL});
}

/* The file that is installed: what it shows as defaults must be the defaults. */
static void test_shipped(void)
{
    g_autofree char *text = NULL, *was = NULL, *is = NULL;
    g_autoptr(GString) enabled = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) c = NULL, d = NULL;
    g_auto(GStrv) lines = NULL;
    guint keys = 0;

    if (!g_file_get_contents("netdump-server.conf", &text, NULL, NULL)) {
        g_test_skip("not run from the source tree");
        return;
    }
    c = parse(text, &error);
    g_assert_no_error(error);
    is = printed(c);
    g_assert_cmpstr(is, ==, defaults);

    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        if (**line == '#' && g_ascii_isalpha((*line)[1])) {
            keys++;
            if (!g_str_has_prefix(*line, "#allow="))
                g_string_append_printf(enabled, "%s\n", *line + 1);
        }
    g_assert_cmpuint(keys, ==, 14);
    if (strcmp(LOCALSTATEDIR, "/var") != 0)
        return; /* the file as shipped names another dumpdir then */
    d = parse(enabled->str, &error);
    g_assert_no_error(error);
    was = printed(d);
    g_assert_cmpstr(was, ==, defaults);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/config/good", test_good);
    g_test_add_func("/config/bad", test_bad);
    g_test_add_func("/config/nul", test_nul);
    g_test_add_func("/config/long", test_long);
    g_test_add_func("/config/many-problems", test_many_problems);
    g_test_add_func("/config/many-rules", test_many_rules);
    g_test_add_func("/config/interface", test_interface);
    g_test_add_func("/config/command-line", test_command_line);
    g_test_add_func("/config/check-config", test_check_config);
    g_test_add_func("/config/command-line-errors", test_command_line_errors);
    g_test_add_func("/config/unreadable", test_unreadable);
    g_test_add_func("/config/permission", test_permission);
    g_test_add_func("/config/relative", test_relative);
    g_test_add_func("/config/reload", test_reload);
    g_test_add_func("/config/reload-off-loop", test_reload_off_loop);
    g_test_add_func("/config/help", test_help);
    g_test_add_func("/config/usage", test_usage);
    g_test_add_func("/config/version", test_version);
    g_test_add_func("/config/shipped", test_shipped);
    return g_test_run();
}
