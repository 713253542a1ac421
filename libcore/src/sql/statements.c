/* The statements of the services besides the set-based ones, written once; what differs between
 * databases stands in braces and is filled in by the dialect: {rows} the bound rows as v(...),
 * {dml} what a plain INSERT or DELETE must begin with, {date} {time} {uuid} a bound value, {day:c}
 * {us:c} a stored one, {text} a bound text, {is:c} a column that equals one, {limit:n} no more
 * rows, {lock} what locks the rows of a SELECT, {sole} the lock of retention. A dialect that words
 * a whole statement otherwise has its own text for it, with the same marks, parameters and columns.
 */
#include <px/statements.h>

#include "internal.h"

struct statement {
    const char *name;
    const char *sql;
    const struct px_table_stmt *rows;
};

#define ROWS(var, ...)                                                                             \
    static const char *const var##_columns[] = {__VA_ARGS__};                                      \
    static const struct px_table_stmt var = {.table = "consumer_offsets",                          \
                                             .columns = var##_columns,                             \
                                             .types = var##_types,                                 \
                                             .ncolumns = PX_ARRAY_LEN(var##_columns),              \
                                             .nkeys = 3};                                          \
    static_assert(PX_ARRAY_LEN(var##_columns) == PX_ARRAY_LEN(var##_types), #var)

static const enum px_column seed_rows_types[] = {PX_COL_TEXT, PX_COL_TEXT, PX_COL_INT, PX_COL_INT,
                                                 PX_COL_TIME};
ROWS(seed_rows, "log_id", "topic", "partition_id", "first_offset", "looked_at");
static const enum px_column take_rows_types[] = {PX_COL_TEXT, PX_COL_TEXT, PX_COL_INT, PX_COL_TEXT};
ROWS(take_rows, "log_id", "topic", "partition_id", "owner");
static const enum px_column touch_rows_types[] = {PX_COL_TEXT, PX_COL_TEXT, PX_COL_INT,
                                                  PX_COL_INT,  PX_COL_INT,  PX_COL_TIME};
ROWS(touch_rows, "log_id", "topic", "partition_id", "epoch", "high_watermark", "looked_at");

static const char *const event_rows_columns[] = {"id"};
static const enum px_column event_rows_types[] = {PX_COL_UUID};
static const struct px_table_stmt event_rows = {.table = "events",
                                                .columns = event_rows_columns,
                                                .types = event_rows_types,
                                                .ncolumns = 1,
                                                .nkeys = 1};

#define SAME_PARTITION                                                                             \
    "consumer_offsets.log_id = v.log_id AND consumer_offsets.topic = v.topic\n"                    \
    "    AND consumer_offsets.partition_id = v.partition_id"

#define SAME_AS_K(t)                                                                               \
    t ".log_id = k.log_id AND " t ".topic = k.topic AND " t ".partition_id = k.partition_id"

#define TEXT "{text}"
#define INT  "CAST(? AS bigint)"

/* Counts per day from a table, with a filter. */
#define DAILY(table, filter)                                                                       \
    "SELECT {day:event_date}, event_type, SUM(count)\nFROM " table                                 \
    "\nWHERE event_date BETWEEN {date} AND {date}" filter                                          \
    "\nGROUP BY event_date, event_type\nORDER BY event_date, event_type"

/* The same by class of traffic. */
#define CLASSES(filter)                                                                            \
    "SELECT {day:event_date}, event_type, traffic_class, SUM(count)\nFROM class_summary"           \
    "\nWHERE event_date BETWEEN {date} AND {date}" filter                                          \
    "\nGROUP BY event_date, event_type, traffic_class"                                             \
    "\nORDER BY event_date, event_type, traffic_class"

#define SUMS_OF(whole, parts)                                                                      \
    "(SELECT event_date, event_type, count AS total, 0 AS parts FROM " whole "\n"                  \
    "        WHERE event_date BETWEEN {date} AND {date}\n"                                         \
    "    UNION ALL SELECT event_date, event_type, 0, count FROM " parts "\n"                       \
    "        WHERE event_date BETWEEN {date} AND {date}) AS u"

/* Days and types whose parts do not add up to the whole. */
#define SUMS(whole, parts)                                                                         \
    "SELECT {day:event_date}, event_type, SUM(total), SUM(parts), COUNT(*) OVER ()\n"              \
    "FROM " SUMS_OF(whole,                                                                         \
                    parts) "\n"                                                                    \
                           "GROUP BY event_date, event_type\nHAVING SUM(total) <> SUM(parts)\n"    \
                           "ORDER BY event_date, event_type{limit:100}"

/* Counts per bucket of any grain, summed up from minutes. */
#define SERIES(filter)                                                                             \
    "SELECT bucket, event_type, SUM(count)\n"                                                      \
    "FROM (SELECT {us:bucket_start} / " INT " * " INT " AS bucket, event_type, count\n"            \
    "    FROM minute_summary\n"                                                                    \
    "    WHERE bucket_start >= {time} AND bucket_start < {time}" filter ") AS b\n"                 \
    "GROUP BY bucket, event_type\nORDER BY bucket, event_type"

static const struct statement statements[] = {
    [PX_ST_PING] = {"ping", "SELECT 1", NULL},

    [PX_ST_OFFSETS_LOAD] = {"offsets_load",
                            "SELECT partition_id, next_offset, epoch, high_watermark, owner\n"
                            "FROM consumer_offsets\nWHERE log_id = " TEXT " AND topic = " TEXT
                            "\nORDER BY partition_id",
                            NULL},
    [PX_ST_OFFSETS_SEED] = {"offsets_seed",
                            "{rows}\nINSERT INTO consumer_offsets (log_id, topic, partition_id, "
                            "next_offset, epoch, owner,\n    revision, high_watermark, looked_at)\n"
                            "SELECT v.log_id, v.topic, v.partition_id, v.first_offset, 0, '', 0, "
                            "v.first_offset, v.looked_at\nFROM v WHERE true\n"
                            "ON CONFLICT DO NOTHING\nRETURNING partition_id",
                            &seed_rows},
    [PX_ST_LEDGER_SEED] = {"ledger_seed",
                           "{rows}\nINSERT INTO partition_ledger (log_id, topic, partition_id, "
                           "first_offset, next_offset)\nSELECT v.log_id, v.topic, v.partition_id, "
                           "v.first_offset, v.first_offset\nFROM v WHERE true\n"
                           "ON CONFLICT DO NOTHING\nRETURNING partition_id",
                           &seed_rows},
    [PX_ST_OFFSETS_TAKE] =
        {"offsets_take",
         "{rows}\nUPDATE consumer_offsets SET epoch = epoch + 1, owner = v.owner\n"
         "FROM v\nWHERE " SAME_PARTITION "\nRETURNING consumer_offsets.partition_id, "
         "consumer_offsets.next_offset, consumer_offsets.epoch",
         &take_rows},
    [PX_ST_OFFSETS_TOUCH] = {"offsets_touch",
                             "{rows}\nUPDATE consumer_offsets SET high_watermark = "
                             "v.high_watermark, looked_at = v.looked_at\n"
                             "FROM v\nWHERE " SAME_PARTITION
                             "\n    AND consumer_offsets.epoch = v.epoch"
                             "\nRETURNING consumer_offsets.partition_id",
                             &touch_rows},
    [PX_ST_LOGS_OTHER] = {"logs_other",
                          "SELECT DISTINCT log_id\nFROM consumer_offsets\nWHERE topic = " TEXT
                          " AND log_id <> " TEXT "\nORDER BY log_id",
                          NULL},
    [PX_ST_GAP_ADD] =
        {"gap_add",
         "{dml}INSERT INTO ingest_gaps (log_id, topic, partition_id, from_offset, "
         "to_offset, noted_at)\nVALUES (" TEXT ", " TEXT ", " INT ", " INT ", " INT
         ", {time})\nON CONFLICT (log_id, topic, partition_id, from_offset) DO UPDATE "
         "SET to_offset = excluded.to_offset,\n    noted_at = excluded.noted_at "
         "WHERE excluded.to_offset > ingest_gaps.to_offset",
         NULL},
    [PX_ST_LEDGER_LOAD] = {"ledger_load",
                           "SELECT partition_id, first_offset, next_offset, rewound, counted, "
                           "repeated, duplicate, conflict,\n    excluded, late, erased, "
                           "dead_lettered, hole, gap\nFROM partition_ledger\nWHERE log_id = " TEXT
                           " AND topic = " TEXT "\nORDER BY partition_id",
                           NULL},

    [PX_ST_SETTING_GET] = {"setting_get", "SELECT value FROM px_settings WHERE name = " TEXT, NULL},
    [PX_ST_SETTING_ADD] = {"setting_add",
                           "{dml}INSERT INTO px_settings (name, value) VALUES (" TEXT ", " TEXT
                           ")\nON CONFLICT DO NOTHING",
                           NULL},
    [PX_ST_SETTING_RAISE] = {"setting_raise",
                             "{dml}INSERT INTO px_settings (name, value) VALUES (" TEXT ", " TEXT
                             ")\nON CONFLICT (name) DO UPDATE SET value = excluded.value "
                             "WHERE excluded.value > px_settings.value",
                             NULL},

    [PX_ST_BOUNDS] = {"bounds",
                      "SELECT (SELECT value FROM px_settings WHERE name = " TEXT "),\n"
                      "    (SELECT MAX(number) FROM erasures)",
                      NULL},

    [PX_ST_ERASURES] = {"erasures",
                        "SELECT number, kid, fingerprint\nFROM erasures\nWHERE number > " INT
                        "\nORDER BY number",
                        NULL},
    [PX_ST_ERASURES_OPEN] = {"erasures_open",
                             "SELECT number, kid, fingerprint\nFROM erasures\n"
                             "WHERE finished_at IS NULL\nORDER BY number",
                             NULL},
    [PX_ST_ERASURE_GET] = {"erasure_get",
                           "SELECT number, kid, {us:asked_at}, {us:finished_at}, receipt\n"
                           "FROM erasures\nWHERE fingerprint = " TEXT,
                           NULL},
    [PX_ST_ERASURE_LOCK] = {"erasure_lock",
                            "SELECT number\nFROM erasures\nWHERE number = " INT "{lock}", NULL},
    [PX_ST_ERASURE_ADD] = {"erasure_add",
                           "{dml}INSERT INTO erasures (number, kid, fingerprint, asked_at)\n"
                           "SELECT COALESCE(MAX(number), 0) + 1, " TEXT ", " TEXT
                           ", {time}\nFROM erasures WHERE "
                           "true\nON CONFLICT DO NOTHING",
                           NULL},
    [PX_ST_ERASURE_REOPEN] = {"erasure_reopen",
                              "{dml}UPDATE erasures SET finished_at = NULL, receipt = NULL\n"
                              "WHERE number = " INT,
                              NULL},
    [PX_ST_ERASURE_FINISH] = {"erasure_finish",
                              "{dml}UPDATE erasures SET receipt = " TEXT ", finished_at = {time}\n"
                              "WHERE number = " INT,
                              NULL},
    [PX_ST_ERASURE_COUNT] =
        {"erasure_count",
         "{dml}INSERT INTO erasure_counts (number, table_name, row_count)\nVALUES (" INT ", " TEXT
         ", " INT ")\nON CONFLICT (number, table_name) DO UPDATE SET row_count = "
         "erasure_counts.row_count + excluded.row_count",
         NULL},
    [PX_ST_ERASURE_COUNTS] = {"erasure_counts",
                              "SELECT table_name, row_count\nFROM erasure_counts\n"
                              "WHERE number = " INT "\nORDER BY table_name",
                              NULL},
    [PX_ST_EVENTS_OF_PLAYER] =
        {"events_of_player",
         "SELECT CAST(id AS text)\nFROM events\n"
         "WHERE id > {uuid} AND {is:player_id}\nORDER BY events.id{limit:" INT "}",
         NULL},
    [PX_ST_EVENTS_UNLINK] =
        {"events_unlink",
         "{rows}\nUPDATE events SET player_id = '', metadata_json = " TEXT
         ", source_ip = NULL, user_agent = NULL,\n    session_id = NULL, client_event_id = CASE "
         "WHEN client_event_id IS NULL THEN NULL ELSE '' END\n"
         "WHERE id IN (SELECT id FROM v) AND player_id = " TEXT "\nRETURNING 1",
         &event_rows},
    [PX_ST_EVENTS_COUNT] = {"events_count", "SELECT COUNT(*)\nFROM events\nWHERE {is:player_id}",
                            NULL},
    [PX_ST_EVENTS_PLAYERS] = {"events_players", "SELECT DISTINCT player_id\nFROM events", NULL},

    [PX_ST_OFFSETS_WAIT] = {"offsets_wait",
                            "SELECT next_offset FROM consumer_offsets\nWHERE log_id = " TEXT
                            " AND topic = " TEXT " AND partition_id = " INT "{lock}",
                            NULL},
    [PX_ST_RETENTION_SOLE] = {"retention_sole", "SELECT {sole}", NULL},
    [PX_ST_RETENTION_OLDEST] = {"retention_oldest",
                                "SELECT (SELECT {us:received_at} FROM events ORDER BY id LIMIT 1),"
                                "\n    (SELECT {day:day} FROM dedupe_day ORDER BY day LIMIT 1)",
                                NULL},
    [PX_ST_NOW] = {"now", "SELECT {us:CURRENT_TIMESTAMP}", NULL},

    [PX_ST_ACCOUNTS] =
        {"accounts",
         "SELECT k.log_id, k.topic, k.partition_id, o.next_offset,\n"
         "    l.first_offset, l.next_offset, l.rewound, l.counted, l.repeated, l.duplicate, "
         "l.conflict,\n    l.excluded, l.late, l.erased, l.dead_lettered, l.hole, l.gap,\n"
         "    CAST(COALESCE(g.missing, 0) AS bigint)\n"
         "FROM (SELECT log_id, topic, partition_id FROM consumer_offsets\n"
         "    UNION SELECT log_id, topic, partition_id FROM partition_ledger) AS k\n"
         "LEFT JOIN consumer_offsets AS o ON " SAME_AS_K(
             "o") "\n"
                  "LEFT JOIN partition_ledger AS l ON " SAME_AS_K(
                      "l") "\n"
                           "LEFT JOIN (SELECT log_id, topic, partition_id, SUM(to_offset - "
                           "from_offset) AS missing\n"
                           "    FROM ingest_gaps WHERE to_offset > from_offset\n"
                           "    GROUP BY log_id, topic, partition_id) AS g ON " SAME_AS_K(
                               "g") "\n"
                                    "ORDER BY k.log_id, k.topic, k.partition_id",
         NULL},
    [PX_ST_RAW_COUNTS] = {"raw_counts",
                          "SELECT \"partition\", disposition, COUNT(*), MIN(\"offset\")\n"
                          "FROM events\nGROUP BY \"partition\", disposition\n"
                          "ORDER BY \"partition\", disposition",
                          NULL},
    [PX_ST_RAW_SPAN] = {"raw_span",
                        "SELECT (SELECT {us:MIN(created_at)} FROM events),\n"
                        "    (SELECT {us:MAX(created_at)} FROM events)",
                        NULL},
    [PX_ST_BANNER_SUMS] = {"banner_sums", SUMS("daily_metrics", "event_summary"), NULL},
    [PX_ST_CLASS_SUMS] = {"class_sums", SUMS("event_summary", "class_summary"), NULL},
    [PX_ST_REVISE] = {"revise", "{dml}UPDATE consumer_offsets SET revision = revision + 1", NULL},
    [PX_ST_LEDGER_PUT] =
        {"ledger_put",
         "{dml}INSERT INTO partition_ledger (log_id, topic, partition_id, first_offset, "
         "next_offset, rewound,\n    counted, repeated, duplicate, conflict, excluded, late, "
         "erased, "
         "dead_lettered, hole, gap)\nVALUES (" TEXT ", " TEXT ", " INT ", " INT ", " INT ", " INT
         ", " INT ", " INT ", " INT ", " INT ", " INT ", " INT ", " INT ", " INT ", " INT ", " INT
         ")\nON CONFLICT (log_id, topic, partition_id) DO UPDATE SET first_offset = "
         "excluded.first_offset,\n    next_offset = excluded.next_offset, rewound = "
         "excluded.rewound, counted = excluded.counted,\n    repeated = excluded.repeated, "
         "duplicate = excluded.duplicate, conflict = excluded.conflict,\n    excluded = "
         "excluded.excluded, late = excluded.late, erased = excluded.erased,\n    dead_lettered = "
         "excluded.dead_lettered, hole = excluded.hole, gap = excluded.gap",
         NULL},
    [PX_ST_LEDGER_DROP] = {"ledger_drop",
                           "{dml}DELETE FROM partition_ledger\nWHERE log_id = " TEXT
                           " AND topic = " TEXT " AND partition_id = " INT,
                           NULL},

    [PX_ST_FRESHNESS] = {"freshness",
                         "SELECT log_id, topic, partition_id, next_offset, high_watermark,\n"
                         "    {us:looked_at}, {us:max_event_at}, revision\nFROM consumer_offsets\n"
                         "ORDER BY topic, log_id, partition_id",
                         NULL},
    [PX_ST_DAILY] = {"daily", DAILY("daily_metrics", ""), NULL},
    [PX_ST_DAILY_OF_TYPE] = {"daily_of_type", DAILY("daily_metrics", " AND event_type = " TEXT),
                             NULL},
    [PX_ST_DAILY_OF_BANNER] = {"daily_of_banner", DAILY("event_summary", " AND {is:banner_tag}"),
                               NULL},
    [PX_ST_CLASSES] = {"classes", CLASSES(""), NULL},
    [PX_ST_CLASSES_OF_TYPE] = {"classes_of_type", CLASSES(" AND event_type = " TEXT), NULL},
    [PX_ST_CLASSES_OF_BANNER] = {"classes_of_banner", CLASSES(" AND {is:banner_tag}"), NULL},
    [PX_ST_TRAFFIC] = {"traffic",
                       "SELECT traffic_class, traffic_reason, SUM(count)\n"
                       "FROM (SELECT traffic_class, traffic_reason, count FROM class_summary\n"
                       "        WHERE event_date BETWEEN {date} AND {date}\n"
                       "    UNION ALL SELECT 'unclassified', '', SUM(total) - SUM(parts)\n"
                       "        FROM " SUMS_OF(
                           "daily_metrics",
                           "class_summary") "\n"
                                            "        GROUP BY event_date, event_type\n"
                                            "        HAVING SUM(total) > SUM(parts)) AS v\n"
                                            "GROUP BY traffic_class, traffic_reason\n"
                                            "ORDER BY traffic_class, traffic_reason",
                       NULL},
    [PX_ST_SERIES] = {"series", SERIES(""), NULL},
    [PX_ST_SERIES_OF_TYPE] = {"series_of_type", SERIES(" AND event_type = " TEXT), NULL},
    [PX_ST_SERIES_OF_BANNER] = {"series_of_banner", SERIES(" AND {is:banner_tag}"), NULL},
    [PX_ST_ROLLUP] = {"rollup",
                      "SELECT {us:bucket_start}, dim1, dim2, dim3, value\nFROM rollup_values\n"
                      "WHERE rollup = " TEXT
                      " AND bucket_start >= {time} AND bucket_start < {time}\n"
                      "ORDER BY bucket_start, dim1, dim2, dim3",
                      NULL},
};
static_assert(PX_ARRAY_LEN(statements) == PX_STATEMENTS, "one row per statement");

static void fill(const struct statement *st, const struct px_dialect *d, struct px_str mark,
                 struct px_buf *out) {
    size_t colon = px_str_find(mark, ':');
    PX_DEFER(px_buf_fini) struct px_buf column = PX_BUF_INIT(256);
    struct px_str what = {.p = mark.p, .n = colon};
    if (colon < mark.n) {
        px_buf_add(&column, mark.p + colon + 1, mark.n - colon - 1);
    }
    if (px_str_is(what, "rows")) {
        d->rows(st->rows, out);
    } else if (px_str_is(what, "dml")) {
        px_buf_c(out, d->dml);
    } else if (px_str_is(what, "date")) {
        px_buf_c(out, d->date_param);
    } else if (px_str_is(what, "time")) {
        d->time_param(out);
    } else if (px_str_is(what, "text")) {
        px_buf_c(out, d->text_value);
    } else if (px_str_is(what, "is")) {
        px_render_is(d, px_buf_cstr(&column), out);
    } else if (px_str_is(what, "limit")) {
        px_render_limit(d, px_buf_cstr(&column), out);
    } else if (px_str_is(what, "uuid")) {
        px_buf_c(out, d->uuid_param);
    } else if (px_str_is(what, "lock")) {
        px_buf_c(out, d->row_lock);
    } else if (px_str_is(what, "sole")) {
        px_buf_c(out, d->sole);
    } else if (px_str_is(what, "day")) {
        d->date_text(out, px_buf_cstr(&column));
    } else {
        px_assert(px_str_is(what, "us"));
        d->time_us(out, px_buf_cstr(&column));
    }
}

void px_statement_render(enum px_statement which, const struct px_dialect *d, struct px_buf *out) {
    const struct statement *st = &statements[which];
    struct px_str rest = px_str_c(d->own && d->own[which] ? d->own[which] : st->sql);
    while (rest.n > 0) {
        size_t open = px_str_find(rest, '{');
        px_buf_add(out, rest.p, open);
        if (open == rest.n) {
            return;
        }
        struct px_str mark = {.p = rest.p + open + 1, .n = rest.n - open - 1};
        mark.n = px_str_find(mark, '}');
        fill(st, d, mark, out);
        rest.n -= open + mark.n + 2;
        rest.p = mark.p + mark.n + 1;
    }
}

const struct px_table_stmt *px_statement_rows(enum px_statement st) {
    return statements[st].rows;
}

const char *px_statement_name(enum px_statement st) {
    return statements[st].name;
}
