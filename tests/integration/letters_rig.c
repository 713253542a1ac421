/* Dead letters for the tests of --dlq; see the header. */
#include "letters_rig.h"

#include "apply_rig.h"
#include "unit.h"

#include <px/clock.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUT_MAX (1 << 20)

/* One run of the program with these arguments; what it said is in f->out. */
int letters_run(struct letters_rig *f, const char *bin, ...) {
    const char *argv[16] = {bin};
    va_list args;
    va_start(args, bin);
    for (size_t i = 1; i < PX_ARRAY_LEN(argv) && (argv[i] = va_arg(args, const char *)); i++) {
    }
    va_end(args);
    f->status = proc_run(argv, f->s.env, f->out, OUT_MAX);
    return f->status;
}
void letters_say(const struct letters_rig *f, const char *text) {
    if (!strstr(f->out, text)) {
        fail_msg("no \"%s\" in: %s", text, f->out);
    }
}

void letters_say_not(const struct letters_rig *f, const char *text) {
    if (strstr(f->out, text)) {
        fail_msg("\"%s\" in: %s", text, f->out);
    }
}

int letters_count(const struct letters_rig *f, const char *text) {
    int n = 0;
    for (const char *at = f->out; (at = strstr(at, text)); at += strlen(text)) {
        n++;
    }
    return n;
}

/* The number of a row of the summary: "replayed               12  ...". */
long letters_row(const struct letters_rig *f, const char *name) {
    char label[32];
    snprintf(label, sizeof label, "\n%-18s ", name);
    const char *at = strstr(f->out, label);
    return at ? strtol(at + strlen(label), NULL, 10) : -1;
}

int64_t letters_ask(const struct letters_rig *f, const char *query) {
    return sql_int(f->s.db.s, query);
}

/* --- what stands in the log ------------------------------------------------------------------- */

/* Each of the three ways in which an event is known again: by its day, by its sender's id, by its
 * own id (bonus counts every event). */
static void event_of(struct letters_rig *f, const char *type, int i, struct px_buf *out) {
    char player[32], eid[32];
    snprintf(player, sizeof player, LETTERS_SECRET "-%d", i);
    snprintf(eid, sizeof eid, "eid-%d", i);
    struct px_event e = {.event_type = px_str_c(type),
                         .player_id = px_str_c(player),
                         .banner_tag = PX_S("b1"),
                         .client_event_id = i % 3 == 1 ? px_str_c(eid) : PX_S(""),
                         .received_at = LETTERS_NOON + i};
    e.id = px_uuid_next(&f->log.ids, LETTERS_NOON + i);
    px_event_to_avro(&e, out);
}

static void send_event(struct letters_rig *f, const char *type, int i) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    char player[32];
    snprintf(player, sizeof player, LETTERS_SECRET "-%d", i);
    event_of(f, type, i, &b);
    log_rig_send(&f->log, px_str_c(player), px_buf_view(&b));
}

void letters_fill_log(struct letters_rig *f) {
    for (int i = 0; i < LETTERS_GOOD; i++) {
        send_event(f, "visit", i);
    }
    for (int i = 0; i < LETTERS_UNKNOWN; i++) {
        send_event(f, i % 3 == 2 ? "bonus" : "level_up", i);
    }
    log_rig_send(&f->log, PX_S("k"), PX_S("somebody@example.com"));
}

void letters_put(struct letters_rig *f, struct px_str bytes) {
    struct px_topic *events = f->log.topic;
    f->log.topic = f->dlq;
    log_rig_send(&f->log, PX_S("k"), bytes);
    f->log.topic = events;
}

struct px_dead_letter letters_one(void) {
    return (struct px_dead_letter){.reason = PX_S("unknown_event_type"),
                                   .at = LETTERS_NOON,
                                   .service = PX_S("svc-aggregator"),
                                   .version = PX_S("0.0.9"),
                                   .topic = PX_S(SERVICE_TOPIC),
                                   .partition = 0,
                                   .offset = 900000,
                                   .payload = PX_S("x")};
}

/* The letters that the aggregator would write of the unknown ones. */
void letters_put_all(struct letters_rig *f) {
    PX_DEFER(px_buf_fini) struct px_buf event = PX_BUF_INIT(1 << 16);
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    for (int i = 0; i < LETTERS_UNKNOWN; i++) {
        struct px_dead_letter d = letters_one();
        px_buf_reset(&event);
        px_buf_reset(&b);
        event_of(f, i % 3 == 2 ? "bonus" : "level_up", i, &event);
        d.field = PX_S("event_type");
        d.at = px_wall(&px_clock_system);
        d.offset = i;
        d.payload = px_buf_view(&event);
        px_dead_letter_to_avro(&d, &b);
        letters_put(f, px_buf_view(&b));
    }
}

/* What others may have left there: no letter at all, one of a former schema, of a refused
 * request, of another topic, cut short. */
void letters_put_strange(struct letters_rig *f) {
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(1 << 16);
    struct px_dead_letter d = letters_one();
    letters_put(f, PX_S("this is no letter"));
    px_dead_letter_to_avro(&d, &b);
    b.n -= 8; /* without the fields that were added */
    b.p[4] = PX_SCHEMA_DLQ_1;
    letters_put(f, px_buf_view(&b));

    struct px_dead_letter request = letters_one();
    request.service = PX_S("svc-ingest");
    request.reason = PX_S("missing_field");
    request.topic = PX_S("");
    request.partition = -1;
    request.offset = -1;
    struct px_dead_letter other = letters_one();
    other.topic = PX_S("ANOTHER");
    struct px_dead_letter cut = letters_one();
    cut.offset = 900001;
    cut.payload_bytes = 5000;
    const struct px_dead_letter *all[] = {&request, &other, &cut};
    for (size_t i = 0; i < PX_ARRAY_LEN(all); i++) {
        px_buf_reset(&b);
        px_dead_letter_to_avro(all[i], &b);
        letters_put(f, px_buf_view(&b));
    }
}

static void copy_file(const char *from, const char *to, const char *more) {
    char bytes[4096];
    FILE *in = fopen(from, "re"), *out = fopen(to, "we");
    assert_true(in && out);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;) {
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    }
    assert_true(fputs(more, out) >= 0);
    assert_true(fclose(in) == 0 && fclose(out) == 0);
}

/* The catalog with the two types that were missing; the migrations lie beside it. */
void letters_mend_catalog(struct letters_rig *f) {
    static int n;
    char base[300], dir[320], path[400], cwd[256], migrations[300];
    snprintf(base, sizeof base, "%s/mended-%d", proc_tmpdir(), ++n);
    snprintf(dir, sizeof dir, "%s/schemas", base);
    assert_true(mkdir(base, 0700) == 0 && mkdir(dir, 0700) == 0);
    snprintf(path, sizeof path, "%s/rollups.yaml", dir);
    copy_file("schemas/rollups.yaml", path, "");
    snprintf(path, sizeof path, "%s/events.yaml", dir);
    copy_file("schemas/events.yaml", path,
              "  - {type: level_up, family: pixel, pixel: true, dedupe: day}\n"
              "  - {type: bonus, family: pixel, pixel: true, dedupe: event_id}\n");
    assert_non_null(getcwd(cwd, sizeof cwd));
    snprintf(migrations, sizeof migrations, "%s/database", cwd);
    snprintf(path, sizeof path, "%s/database", base);
    assert_int_equal(symlink(migrations, path), 0);
    service_rig_set(&f->s, "PX_Schemas__Directory", dir);
}

static void open_all(struct letters_rig *f) {
    struct px_err err = PX_ERR_INIT;
    log_rig_open(&f->log, 3, true);
    assert_int_equal(px_producer_topic(f->log.producer, SERVICE_DLQ, &f->dlq, &err), PX_OK);
    service_rig_open(&f->s, &f->log, rig_dialect());
    f->out = malloc(OUT_MAX);
    assert_non_null(f->out);
}

int letters_setup(void **state) {
    struct letters_rig *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    open_all(f);
    return 0;
}

int letters_teardown(void **state) {
    struct letters_rig *f = *state;
    service_rig_close(&f->s);
    log_rig_close(&f->log);
    free(f->out);
    free(f);
    return 0;
}

void letters_apply_once(struct letters_rig *f) {
    int status = service_rig_run(&f->s, proc_bin("svc-aggregator"), "--once", 60);
    if (status != 0) {
        proc_log_show(&f->s.proc);
    }
    assert_int_equal(status, 0);
}
