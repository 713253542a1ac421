/* The commands of --dlq. Reads topics and prints; only replay writes. Output goes out as it comes:
 * nothing here grows with the topic. */
#include "dlq.h"

#include "agg.h"
#include "letter_stats.h"
#include "letter_fields.h"
#include "letter_text.h"
#include "redact.h"
#include "replay.h"

#include <px/jsonw.h>
#include <px/kafka_access.h>
#include <px/log.h>

#include <stdio.h>
#include <string.h>

#define TEXT_MAX  (64 << 20)
#define FLUSH_AT  (64 << 10)
#define READ_WAIT (30 * PX_US_PER_S)
#define SEND_WAIT (30 * PX_US_PER_S)

struct dlq {
    const struct agg *a;
    struct agg_dlq_ask ask;
    struct agg_letter_names names;
    char log_id[128];
    struct agg_redact redact;
    struct px_arena arena;
    struct px_buf out;
    struct px_err lost; /* output that could not be written */
};

/* --- output ----------------------------------------------------------------------------------- */

static enum px_code flush(struct dlq *d) {
    if (d->lost.code == PX_OK && px_buf_ok(&d->out, &d->lost) == PX_OK) {
        PX_IGNORE(px_app_print(px_buf_view(&d->out), &d->lost)); /* kept in d->lost */
    }
    px_buf_reset(&d->out);
    return d->lost.code;
}

static enum px_code print(struct dlq *d) {
    return d->out.n > FLUSH_AT || d->out.failed ? flush(d) : d->lost.code;
}

/* --- the log that is read --------------------------------------------------------------------- */

static enum px_code learn(struct dlq *d, struct px_err *reterr) {
    struct px_topic_info info;
    const struct agg_conf *c = d->a->conf;
    enum px_code rc = px_kafka_security_check(&c->kafka, px_wall(&px_clock_system), reterr);
    if (rc != PX_OK) {
        return rc;
    }
    if (c->log_id[0]) {
        snprintf(d->log_id, sizeof d->log_id, "%s", c->log_id);
    } else {
        rc = px_kafka_describe(&c->kafka, NULL, READ_WAIT, &info, reterr);
        if (rc == PX_OK) {
            snprintf(d->log_id, sizeof d->log_id, "%s", info.cluster_id);
        }
    }
    if (rc == PX_OK && !d->log_id[0]) {
        rc = PX_FAIL(reterr, PX_UNAVAILABLE, "no broker told its cluster id: set Kafka:LogId");
    }
    d->names.log_id = px_str_c(d->log_id);
    /* with a registry the ids of frames are its own */
    return rc == PX_OK ? agg_schemas_start(d->a->schemas, reterr) : rc;
}

static enum px_code open_letters(const struct dlq *d, struct agg_letters *l,
                                 struct px_err *reterr) {
    struct px_log_reader_conf c = {.kafka = &d->a->conf->kafka,
                                   .client_id = d->a->client_id,
                                   .topic = d->a->dlq,
                                   .timeout = READ_WAIT};
    const struct agg_letter_ids ids = {.event = agg_schemas_event(d->a->schemas),
                                       .letter = agg_schemas_letter(d->a->schemas)};
    return agg_letters_open(l, &c, &d->ask.filter, ids, reterr);
}

/* --- list and show ---------------------------------------------------------------------------- */

static void put_one(struct dlq *d, const struct agg_letter *l, bool show) {
    struct px_jsonw w = px_jsonw_on(&d->out);
    bool erased = agg_redact_letter(&d->redact, l, &d->arena);
    bool payload = d->ask.payload && !erased;
    px_arena_reset(&d->arena);
    if (d->ask.json) {
        px_jw_obj(&w);
        if (show) {
            agg_letter_show_json(l, payload, &d->arena, &w);
        } else {
            agg_letter_json(l, &d->arena, &w);
        }
        px_jw_kbool(&w, "erased", erased);
        px_jw_obj_end(&w);
    } else if (show) {
        agg_letter_show(l, &d->names, payload, &d->arena, &d->out);
        px_buf_c(&d->out,
                 erased ? "player           erased: values and bytes are not shown\n" : "");
    } else {
        agg_letter_line(l, &d->names, &d->arena, &d->out);
        px_buf_c(&d->out, erased ? " (of an erased player)" : "");
    }
    if (!show || d->ask.json) {
        px_buf_byte(&d->out, '\n');
    }
}

static enum px_code each(struct dlq *d, int64_t limit, bool show, int64_t *ret_n,
                         struct px_err *reterr) {
    PX_DEFER(agg_letters_close) struct agg_letters letters = {.reader = NULL};
    struct agg_letter l;
    int64_t n = 0;
    enum px_code rc = open_letters(d, &letters, reterr);
    while (rc == PX_OK && (limit == 0 || n < limit)) {
        rc = agg_letters_next(&letters, &l, reterr);
        if (rc == PX_OK) {
            px_buf_c(&d->out, show && !d->ask.json && n > 0 ? "\n" : "");
            put_one(d, &l, show);
            n++;
            rc = print(d);
        }
    }
    *ret_n = n;
    return rc == PX_NO_ROW ? PX_OK : rc;
}

static enum px_code list(struct dlq *d, struct px_err *reterr) {
    int64_t n = 0;
    return each(d, d->ask.limit, false, &n, reterr);
}

static enum px_code show(struct dlq *d, struct px_err *reterr) {
    int64_t n = 0;
    enum px_code rc = each(d, d->ask.limit ? d->ask.limit : 1, true, &n, reterr);
    if (rc == PX_OK && n == 0) {
        return PX_FAIL(reterr, PX_NOT_FOUND,
                       "no dead letter in %s matches; --dlq=list shows which there are", d->a->dlq);
    }
    return rc;
}

/* --- replay ----------------------------------------------------------------------------------- */

static void tell(void *arg, const struct agg_replayed *r) {
    struct dlq *d = arg;
    struct px_jsonw w = px_jsonw_on(&d->out);
    const struct px_dead_letter *l = &r->letter->d;
    bool bad = r->outcome == AGG_STILL_BAD, moved = r->outcome == AGG_FIXED && !d->ask.dry;
    if (d->ask.json) {
        px_jw_obj(&w);
        px_jw_ki64(&w, "partition", l->partition);
        px_jw_ki64(&w, "offset", l->offset);
        px_jw_kstr(&w, "type", agg_letter_type(r->letter));
        px_jw_kstr(&w, "reason", agg_letter_reason(r->letter));
        px_jw_kc(&w, "outcome", agg_outcome_name(r->outcome));
        if (bad) {
            px_jw_kc(&w, "reasonNow", px_reason_code(r->reason));
        }
        if (moved) {
            px_jw_ki64(&w, "toPartition", r->to_partition);
            px_jw_ki64(&w, "toOffset", r->to_offset);
        }
        px_jw_obj_end(&w);
    } else {
        px_buf_printf(&d->out, "%s %d/%lld %.*s", agg_outcome_name(r->outcome), l->partition,
                      (long long)l->offset, PX_S_ARG(agg_letter_type(r->letter)));
        if (bad) {
            px_buf_printf(&d->out, " %s", px_reason_code(r->reason));
        }
        if (moved) {
            px_buf_printf(&d->out, " -> %d/%lld", r->to_partition, (long long)r->to_offset);
        }
    }
    px_buf_byte(&d->out, '\n');
    PX_IGNORE(print(d)); /* remembered in lost: the run is not ended by its reader's going */
}

static enum px_code judge(struct dlq *d, bool dry, bool aloud, struct agg_replay_counts *ret,
                          struct px_err *reterr) {
    const struct agg *a = d->a;
    struct agg_replay_conf c = {.kafka = &a->conf->kafka,
                                .sql = &a->conf->sql,
                                .catalog = a->catalog,
                                .zone = a->zone,
                                .redact = &d->redact,
                                .schemas = a->schemas,
                                .clock = &px_clock_system,
                                .topic = a->topic,
                                .dlq = a->dlq,
                                .client_id = a->client_id,
                                .log_id = d->names.log_id,
                                .filter = d->ask.filter,
                                .limit = d->ask.limit,
                                .dry = dry,
                                .timeout = SEND_WAIT,
                                .tell = aloud ? tell : NULL,
                                .arg = d};
    struct px_sql *s = NULL;
    char version[64];
    *ret = (struct agg_replay_counts){.copies = 0};
    enum px_code rc = px_sql_open(&a->conf->sql, PX_SQL_READ, &s, reterr);
    rc = rc == PX_OK ? agg_schema_current(a, s, version, sizeof version, reterr) : rc;
    px_sql_close(s);
    return rc == PX_OK ? agg_replay(&c, ret, reterr) : rc;
}

static void counts_json(const struct agg_replay_counts *c, struct px_jsonw *w) {
    for (size_t i = 0; i < AGG_OUTCOMES; i++) {
        px_jw_ki64(w, agg_outcome_name((enum agg_outcome)i), c->of[i]);
    }
    px_jw_ki64(w, "copies", c->copies);
    px_jw_ki64(w, "unreadable", c->unreadable);
    px_jw_key(w, "stillBadNow");
    px_jw_obj(w);
    for (size_t i = 0; i < PX_REASON_COUNT; i++) {
        if (c->still_bad[i] > 0) {
            px_jw_ki64(w, px_reason_code((enum px_reason)i), c->still_bad[i]);
        }
    }
    px_jw_obj_end(w);
}

static void row(struct px_buf *out, const char *name, int64_t n, const char *says) {
    if (n > 0) {
        px_buf_printf(out, "%-18s %8lld  %s\n", name, (long long)n, says);
    }
}

static void counts_text(const struct agg_replay_counts *c, bool dry, struct px_buf *out) {
    px_buf_printf(out, "%-18s %8lld  %s\n", dry ? "replayable" : "replayed",
                  (long long)c->of[AGG_FIXED],
                  dry ? "accepted today: --dlq=replay writes them to the log again"
                      : "accepted today, and written to the log again");
    px_buf_printf(out, "%-18s %8lld  by an earlier replay\n", "already replayed",
                  (long long)c->of[AGG_ALREADY_REPLAYED]);
    px_buf_printf(out, "%-18s %8lld  their events are in SQL\n", "already counted",
                  (long long)c->of[AGG_ALREADY_COUNTED]);
    px_buf_printf(out, "%-18s %8lld  refused today as well\n", "still bad",
                  (long long)c->of[AGG_STILL_BAD]);
    for (size_t i = 0; i < PX_REASON_COUNT; i++) {
        row(out, "", c->still_bad[i], px_reason_code((enum px_reason)i));
    }
    row(out, "too old", c->of[AGG_TOO_OLD],
        "the claims of their days may be gone (Retention:Dedupe): they would not count");
    row(out, "not asked for", c->of[AGG_NOT_ASKED],
        "refused_by_sql: written with --reason refused_by_sql only");
    row(out, "cut", c->of[AGG_CUT], "only the beginning of their bytes is kept");
    row(out, "of requests", c->of[AGG_OF_REQUEST],
        "refused by svc-ingest, and their senders told: never replayed");
    row(out, "of other topics", c->of[AGG_OTHER_TOPIC], "not of the log that this program reads");
    row(out, "stored twice", c->copies, "more than one letter of one record: looked at once");
    row(out, "of erased players", c->of[AGG_OF_ERASED], "never written: they would not count");
    row(out, "unreadable", c->unreadable, "records of the dead-letter topic that are no letters");
    row(out, "left", c->of[AGG_LEFT], "not taken by the log: run it again");
}

static void put_counts(struct dlq *d, const struct agg_replay_counts *c, bool dry) {
    struct px_jsonw w = px_jsonw_on(&d->out);
    if (!d->ask.json) {
        counts_text(c, dry, &d->out);
        return;
    }
    px_jw_obj(&w);
    px_jw_kc(&w, "summary", dry ? "dry-run" : "replay");
    counts_json(c, &w);
    px_jw_obj_end(&w);
    px_buf_byte(&d->out, '\n');
}

static enum px_code replay(struct dlq *d, struct px_err *reterr) {
    struct agg_replay_counts c;
    enum px_code rc = judge(d, d->ask.dry, true, &c, reterr);
    put_counts(d, &c, d->ask.dry); /* also when it ended early: so much is done */
    px_log(PX_LOG_INFO, "dlq.replayed", PX_F_BOOL("px.dry_run", d->ask.dry),
           PX_F_INT("px.fixed", c.of[AGG_FIXED]), PX_F_INT("px.still_bad", c.of[AGG_STILL_BAD]),
           PX_F_INT("px.already_counted", c.of[AGG_ALREADY_COUNTED]),
           PX_F_INT("px.already_replayed", c.of[AGG_ALREADY_REPLAYED]),
           PX_F_INT("px.left", c.of[AGG_LEFT]), PX_F_BOOL("px.complete", rc == PX_OK));
    return rc;
}

/* --- stats ------------------------------------------------------------------------------------ */

static enum px_code count_letters(const struct dlq *d, struct agg_letter_stats *s,
                                  struct px_err *reterr) {
    PX_DEFER(agg_letters_close) struct agg_letters letters = {.reader = NULL};
    struct agg_letter l;
    enum px_code rc = open_letters(d, &letters, reterr);
    while (rc == PX_OK && (rc = agg_letters_next(&letters, &l, reterr)) == PX_OK) {
        agg_letter_stats_add(s, &l);
    }
    return rc == PX_NO_ROW ? PX_OK : rc;
}

/* Whether letters can be replayed only SQL knows; without it the rest is still worth seeing. */
static void put_stats(struct dlq *d, struct agg_letter_stats *s) {
    struct agg_replay_counts c;
    struct px_err err = PX_ERR_INIT;
    struct px_jsonw w = px_jsonw_on(&d->out);
    bool known = judge(d, true, false, &c, &err) == PX_OK;
    if (d->ask.json) {
        px_jw_obj(&w);
        agg_letter_stats_json(s, &w);
        px_jw_key(&w, "replay");
        if (known) {
            px_jw_obj(&w);
            counts_json(&c, &w);
            px_jw_obj_end(&w);
        } else {
            px_jw_null(&w);
            px_jw_kc(&w, "replayUnknown", err.msg);
        }
        px_jw_obj_end(&w);
        px_buf_byte(&d->out, '\n');
        return;
    }
    agg_letter_stats_print(s, &d->out);
    if (known) {
        counts_text(&c, true, &d->out);
    } else {
        px_buf_printf(&d->out, "replayable         not known: %s\n", err.msg);
    }
}

static enum px_code stats(struct dlq *d, struct px_err *reterr) {
    struct agg_letter_stats s;
    enum px_code rc = agg_letter_stats_init(&s, reterr);
    if (rc != PX_OK) {
        return rc;
    }
    rc = count_letters(d, &s, reterr);
    if (rc == PX_OK) {
        put_stats(d, &s);
    }
    agg_letter_stats_fini(&s);
    return rc;
}

/* --- the command ------------------------------------------------------------------------------ */

static const char *param(const void *arg, const char *name) {
    return px_app_param(arg, name);
}

enum px_code agg_dlq(void *svc, const char *arg, struct px_err *reterr) {
    static const struct {
        const char *name;
        enum px_code (*run)(struct dlq *d, struct px_err *reterr);
    } commands[] = {{"list", list}, {"show", show}, {"stats", stats}, {"replay", replay}};
    struct agg *a = svc;
    struct dlq d = {.a = a, .names = {.topic = a->topic, .dlq = a->dlq}};
    px_us now = px_wall(&px_clock_system);
    enum px_code rc = agg_dlq_parse(param, a->app, arg, now, &d.ask, reterr);
    rc = rc == PX_OK ? learn(&d, reterr) : rc;
    if (rc != PX_OK) {
        return rc;
    }
    rc = agg_redact_open(a, &d.redact, reterr);
    px_arena_init(&d.arena, TEXT_MAX);
    px_buf_init(&d.out, TEXT_MAX);
    for (size_t i = 0; rc == PX_OK && i < PX_ARRAY_LEN(commands); i++) {
        if (strcmp(arg, commands[i].name) == 0) {
            rc = commands[i].run(&d, reterr);
            rc = px_sql_as(rc, "run it as a login user with the role px_operator", reterr);
        }
    }
    enum px_code written = flush(&d);
    if (written != PX_OK && (rc == PX_OK || rc == written) && reterr) {
        *reterr = d.lost; /* what ended the run, or was found at its end */
    }
    agg_redact_close(&d.redact);
    px_arena_fini(&d.arena);
    px_buf_fini(&d.out);
    return rc == PX_OK ? written : rc;
}
