/* The statements of SQL Server that are worded otherwise than all others'. Each is one statement
 * with one result: errors of a second one would come where no driver tells of them in time.
 *
 * Readers of a key that may be missing lock its place (UPDLOCK, HOLDLOCK), and MERGE does with
 * HOLDLOCK: without it two writers can both find a key missing. Pure. */
#include <px/statements.h>

#include "internal.h"

/* Keys are short, so that an index serves; other texts may be of any length. OPENJSON makes NULL of
 * what does not fit, so no limit here is near one of the product's. */
static const char *type_of(const struct px_table_stmt *t, size_t i) {
    switch (t->types[i]) {
    case PX_COL_INT:
        return "bigint";
    case PX_COL_TEXT:
        return i < t->nkeys ? "nvarchar(4000)" : "nvarchar(max)";
    case PX_COL_DATE:
        return "date";
    case PX_COL_TIME:
        return "datetime2(6)";
    case PX_COL_UUID:
        return "char(36)";
    }
    return "nvarchar(max)";
}

static bool is_text(enum px_column type) {
    return type == PX_COL_TEXT || type == PX_COL_UUID;
}

/* ${of}"a", ${of}"b" */
static void names(const char *of, const char *const *v, size_t n, struct px_buf *out) {
    for (size_t i = 0; i < n; i++) {
        px_buf_c(out, i ? ", " : "");
        px_buf_c(out, of);
        px_render_ident(out, v[i]);
    }
}

/* Texts get the columns' collation here, or comparing the two would be refused. */
void px_tsql_rows(const struct px_table_stmt *t, struct px_buf *out) {
    px_buf_c(out, "WITH v(");
    names("", t->columns, t->ncolumns, out);
    px_buf_c(out, ") AS (SELECT ");
    for (size_t i = 0; i < t->ncolumns; i++) {
        px_buf_printf(out, "%sj.c%zu%s", i ? ", " : "", i,
                      is_text(t->types[i]) ? PX_TSQL_COLLATE : "");
    }
    px_buf_c(out, "\nFROM OPENJSON(CAST(? AS nvarchar(max))) WITH (");
    for (size_t i = 0; i < t->ncolumns; i++) {
        px_buf_printf(out, "%sc%zu %s '$[%zu]'", i ? ", " : "", i, type_of(t, i), i);
    }
    px_buf_c(out, ") AS j)");
}

static bool is_add(const struct px_table_stmt *t, size_t i) {
    return t->ops && i >= t->nkeys && t->ops[i - t->nkeys] == PX_OP_ADD;
}

/* The cells of a new row, of ${of}: an ADD column without a value counts 0. */
static void cells(const char *of, const struct px_table_stmt *t, struct px_buf *out) {
    for (size_t i = 0; i < t->ncolumns; i++) {
        px_buf_c(out, i ? ", " : "");
        px_buf_c(out, is_add(t, i) ? "COALESCE(" : "");
        px_buf_c(out, of);
        px_render_ident(out, t->columns[i]);
        px_buf_c(out, is_add(t, i) ? ", 0)" : "");
    }
}

static void same_key(const struct px_dialect *d, const struct px_table_stmt *t, const char *of,
                     struct px_buf *out) {
    for (size_t i = 0; i < t->nkeys; i++) {
        PX_DEFER(px_buf_fini) struct px_buf a = PX_BUF_INIT(256);
        PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(256);
        px_buf_printf(&a, "t.\"%s\"", t->columns[i]);
        px_buf_printf(&b, "%s\"%s\"", of, t->columns[i]);
        px_buf_c(out, i ? " AND " : "");
        px_render_same(d, px_buf_cstr(&a), px_buf_cstr(&b), t->types[i], out);
    }
}

static void returned(const struct px_dialect *d, const struct px_table_stmt *t, const char *of,
                     struct px_buf *out) {
    for (size_t i = 0; i < t->nreturning; i++) {
        PX_DEFER(px_buf_fini) struct px_buf column = PX_BUF_INIT(256);
        enum px_column type = PX_COL_TEXT;
        for (size_t k = 0; k < t->ncolumns; k++) {
            type = strcmp(t->columns[k], t->returning[i]) == 0 ? t->types[k] : type;
        }
        px_buf_c(&column, of);
        px_render_ident(&column, t->returning[i]);
        px_buf_c(out, i ? ", " : "");
        if (type == PX_COL_DATE) {
            d->date_text(out, px_buf_cstr(&column));
        } else if (type == PX_COL_TIME) {
            d->time_us(out, px_buf_cstr(&column));
        } else {
            px_buf_str(out, px_buf_view(&column));
        }
    }
}

/* Of several rows with one key in a call, one; none whose key is stored. */
static void add_new(const struct px_dialect *d, const struct px_table_stmt *t, bool tell,
                    struct px_buf *out) {
    px_tsql_rows(t, out);
    px_buf_c(out, ",\nf AS (SELECT v.*, ROW_NUMBER() OVER (PARTITION BY ");
    names("v.", t->columns, t->nkeys, out);
    for (size_t i = 0; d->text_size && i < t->nkeys; i++) {
        if (t->types[i] == PX_COL_TEXT) {
            px_buf_printf(out, ", %s(v.\"%s\")", d->text_size, t->columns[i]);
        }
    }
    px_buf_c(out, "\n    ORDER BY (SELECT NULL)) AS px_n FROM v)\nINSERT INTO ");
    px_render_ident(out, t->table);
    px_buf_c(out, " (");
    names("", t->columns, t->ncolumns, out);
    px_buf_c(out, ")\n");
    if (tell) {
        px_buf_c(out, "OUTPUT ");
        returned(d, t, "inserted.", out);
        px_buf_c(out, "\n");
    }
    px_buf_c(out, "SELECT ");
    cells("f.", t, out);
    px_buf_c(out, "\nFROM f WHERE f.px_n = 1 AND NOT EXISTS (SELECT 1 FROM ");
    px_render_ident(out, t->table);
    px_buf_c(out, " AS t WITH (UPDLOCK, HOLDLOCK)\n    WHERE ");
    same_key(d, t, "f.", out);
    px_buf_c(out, ")");
}

void px_tsql_append(const struct px_dialect *d, const struct px_table_stmt *t, struct px_buf *out) {
    add_new(d, t, false, out);
}

void px_tsql_claim(const struct px_dialect *d, const struct px_table_stmt *t, struct px_buf *out) {
    add_new(d, t, true, out);
}

static void combine(const struct px_dialect *d, const struct px_table_stmt *t, size_t i,
                    struct px_buf *out) {
    PX_DEFER(px_buf_fini) struct px_buf stored = PX_BUF_INIT(256);
    PX_DEFER(px_buf_fini) struct px_buf given = PX_BUF_INIT(256);
    px_buf_printf(&stored, "t.\"%s\"", t->columns[i]);
    px_buf_printf(&given, "v.\"%s\"", t->columns[i]);
    px_render_ident(out, t->columns[i]);
    px_buf_c(out, " = ");
    if (is_add(t, i)) {
        px_buf_printf(out, "COALESCE(%s, 0) + COALESCE(%s, 0)", px_buf_cstr(&stored),
                      px_buf_cstr(&given));
    } else {
        d->pick(out, t->ops[i - t->nkeys], px_buf_cstr(&stored), px_buf_cstr(&given));
    }
}

void px_tsql_upsert(const struct px_dialect *d, const struct px_table_stmt *t, struct px_buf *out) {
    px_tsql_rows(t, out);
    px_tsql_upsert_from(d, t, out);
}

void px_tsql_upsert_from(const struct px_dialect *d, const struct px_table_stmt *t,
                         struct px_buf *out) {
    px_buf_c(out, "\nMERGE INTO ");
    px_render_ident(out, t->table);
    px_buf_c(out, " WITH (HOLDLOCK) AS t\nUSING v ON ");
    same_key(d, t, "v.", out);
    px_buf_c(out, t->ncolumns > t->nkeys ? "\nWHEN MATCHED THEN UPDATE SET\n    " : "");
    for (size_t i = t->nkeys; i < t->ncolumns; i++) {
        px_buf_c(out, i > t->nkeys ? ",\n    " : "");
        combine(d, t, i, out);
    }
    px_buf_c(out, "\nWHEN NOT MATCHED THEN INSERT (");
    names("", t->columns, t->ncolumns, out);
    px_buf_c(out, ")\n    VALUES (");
    cells("v.", t, out);
    px_buf_c(out, ");"); /* MERGE is refused without it */
}

void px_tsql_lookup(const struct px_dialect *d, const struct px_table_stmt *t, struct px_buf *out) {
    px_tsql_rows(t, out);
    px_buf_c(out, "\nSELECT ");
    returned(d, t, "t.", out);
    px_buf_c(out, "\nFROM v JOIN ");
    px_render_ident(out, t->table);
    px_buf_c(out, " AS t ON ");
    same_key(d, t, "v.", out);
}

#define SAME_PARTITION                                                                             \
    "o.log_id = v.log_id AND o.topic = v.topic AND o.partition_id = v.partition_id"
#define OFFSETS "FROM consumer_offsets AS o WITH (UPDLOCK, HOLDLOCK)\nJOIN v ON " SAME_PARTITION

void px_tsql_fence(const struct px_dialect *d, struct px_buf *out) {
    px_tsql_rows(px_fence_rows(), out);
    px_buf_c(out, "\nUPDATE o SET next_offset = v.hi, revision = o.revision + 1,\n"
                  "    high_watermark = v.high_watermark, looked_at = v.looked_at,\n"
                  "    max_event_at = ");
    d->pick(out, PX_OP_MAX, "o.max_event_at", "v.max_event_at");
    px_buf_c(out, "\nOUTPUT inserted.partition_id\n" OFFSETS
                  "\n    AND o.next_offset = v.lo AND o.epoch = v.epoch");
}

/* --- statements of px/statements.h that are worded otherwise -----------------------------------
 */
#define INT "CAST(? AS bigint)"

#define SEED(table, columns, cells)                                                                \
    "{rows}\nINSERT INTO " table " (log_id, topic, partition_id, " columns ")\n"                   \
    "OUTPUT inserted.partition_id\nSELECT v.log_id, v.topic, v.partition_id, " cells "\nFROM v\n"  \
    "WHERE NOT EXISTS (SELECT 1 FROM " table " AS o WITH (UPDLOCK, HOLDLOCK)\n    "                \
    "WHERE " SAME_PARTITION ")"

#define SETTING(action)                                                                            \
    "MERGE INTO px_settings WITH (HOLDLOCK) AS t\n"                                                \
    "USING (SELECT {text} AS name, {text} AS value) AS s\nON t.name = s.name\n" action             \
    "WHEN NOT MATCHED THEN INSERT (name, value) VALUES (s.name, s.value);"

const char *const px_tsql_own[PX_STATEMENTS] = {
    [PX_ST_OFFSETS_SEED] = SEED(
        "consumer_offsets", "next_offset, epoch, owner,\n    revision, high_watermark, looked_at",
        "v.first_offset, 0, '', 0, v.first_offset, v.looked_at"),
    [PX_ST_LEDGER_SEED] =
        SEED("partition_ledger", "first_offset, next_offset", "v.first_offset, v.first_offset"),
    [PX_ST_OFFSETS_TAKE] =
        "{rows}\nUPDATE o SET epoch = o.epoch + 1, owner = v.owner\n"
        "OUTPUT inserted.partition_id, inserted.next_offset, inserted.epoch\n" OFFSETS,
    [PX_ST_OFFSETS_TOUCH] =
        "{rows}\nUPDATE o SET high_watermark = v.high_watermark, looked_at = v.looked_at\n"
        "OUTPUT inserted.partition_id\n" OFFSETS "\n    AND o.epoch = v.epoch",
    [PX_ST_GAP_ADD] =
        "MERGE INTO ingest_gaps WITH (HOLDLOCK) AS t\n"
        "USING (SELECT {text} AS log_id, {text} AS topic, " INT " AS partition_id,\n    " INT
        " AS from_offset, " INT " AS to_offset, {time} AS noted_at) AS s\n"
        "ON t.log_id = s.log_id AND t.topic = s.topic AND t.partition_id = s.partition_id\n"
        "    AND t.from_offset = s.from_offset\n"
        "WHEN MATCHED AND s.to_offset > t.to_offset THEN UPDATE SET to_offset = s.to_offset,\n"
        "    noted_at = s.noted_at\n"
        "WHEN NOT MATCHED THEN INSERT (log_id, topic, partition_id, from_offset, to_offset, "
        "noted_at)\n    VALUES (s.log_id, s.topic, s.partition_id, s.from_offset, s.to_offset, "
        "s.noted_at);",
    [PX_ST_SETTING_ADD] = SETTING(""),
    [PX_ST_SETTING_RAISE] =
        SETTING("WHEN MATCHED AND s.value > t.value THEN UPDATE SET value = s.value\n"),
    [PX_ST_ERASURE_LOCK] =
        "SELECT number\nFROM erasures WITH (UPDLOCK, HOLDLOCK)\nWHERE number = " INT,
    [PX_ST_ERASURE_ADD] =
        "INSERT INTO erasures (number, kid, fingerprint, asked_at)\n"
        "SELECT COALESCE((SELECT MAX(number) FROM erasures WITH (UPDLOCK, HOLDLOCK)), 0) + 1,\n"
        "    s.kid, s.fingerprint, s.asked_at\n"
        "FROM (SELECT {text} AS kid, {text} AS fingerprint, {time} AS asked_at) AS s\n"
        "WHERE NOT EXISTS (SELECT 1 FROM erasures AS e WITH (UPDLOCK, HOLDLOCK)\n"
        "    WHERE e.fingerprint = s.fingerprint)",
    [PX_ST_ERASURE_COUNT] =
        "MERGE INTO erasure_counts WITH (HOLDLOCK) AS t\n"
        "USING (SELECT " INT " AS number, {text} AS table_name, " INT " AS row_count) AS s\n"
        "ON t.number = s.number AND t.table_name = s.table_name\n"
        "WHEN MATCHED THEN UPDATE SET row_count = t.row_count + s.row_count\n"
        "WHEN NOT MATCHED THEN INSERT (number, table_name, row_count)\n"
        "    VALUES (s.number, s.table_name, s.row_count);",
    [PX_ST_EVENTS_OF_PLAYER] = "SELECT id\nFROM events\nWHERE id > {uuid} AND {is:player_id}\n"
                               "ORDER BY events.id{limit:" INT "}",
    [PX_ST_EVENTS_UNLINK] =
        "{rows}\nUPDATE e SET player_id = '', metadata_json = {text}, source_ip = NULL, "
        "user_agent = NULL,\n    session_id = NULL, client_event_id = CASE WHEN e.client_event_id "
        "IS NULL THEN NULL ELSE '' END\nOUTPUT 1\nFROM events AS e JOIN v ON e.id = v.id\n"
        "WHERE {is:e.player_id}",
    [PX_ST_EVENTS_PLAYERS] = "SELECT player_id\nFROM events\n"
                             "GROUP BY player_id, DATALENGTH(player_id)",
    [PX_ST_OFFSETS_WAIT] = "SELECT next_offset FROM consumer_offsets WITH (UPDLOCK, HOLDLOCK)\n"
                           "WHERE log_id = {text} AND topic = {text} AND partition_id = " INT,
    [PX_ST_RETENTION_SOLE] =
        "DECLARE @r int; EXEC @r = sp_getapplock @Resource = N'pixel-analytics retention',\n"
        "    @LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = 0;\n"
        "SELECT CASE WHEN @r >= 0 THEN 1 ELSE 0 END",
    [PX_ST_RETENTION_OLDEST] = "SELECT (SELECT TOP (1) {us:received_at} FROM events ORDER BY id),\n"
                               "    (SELECT TOP (1) {day:day} FROM dedupe_day ORDER BY day)",
    [PX_ST_NOW] = "SELECT {us:SYSUTCDATETIME()}",
    [PX_ST_LEDGER_PUT] =
        "MERGE INTO partition_ledger WITH (HOLDLOCK) AS t\n"
        "USING (SELECT {text} AS log_id, {text} AS topic, " INT " AS partition_id, " INT
        " AS first_offset,\n    " INT " AS next_offset, " INT " AS rewound, " INT
        " AS counted, " INT " AS repeated, " INT " AS duplicate,\n    " INT " AS conflict, " INT
        " AS excluded, " INT " AS late, " INT " AS erased, " INT " AS dead_lettered,\n    " INT
        " AS hole, " INT " AS gap) AS s\n"
        "ON t.log_id = s.log_id AND t.topic = s.topic AND t.partition_id = s.partition_id\n"
        "WHEN MATCHED THEN UPDATE SET first_offset = s.first_offset, next_offset = "
        "s.next_offset,\n    rewound = s.rewound, counted = s.counted, repeated = s.repeated, "
        "duplicate = s.duplicate,\n    conflict = s.conflict, excluded = s.excluded, late = "
        "s.late, "
        "erased = s.erased,\n    dead_lettered = s.dead_lettered, hole = s.hole, gap = s.gap\n"
        "WHEN NOT MATCHED THEN INSERT (log_id, topic, partition_id, first_offset, next_offset, "
        "rewound,\n    counted, repeated, duplicate, conflict, excluded, late, erased, "
        "dead_lettered, hole, gap)\n    VALUES (s.log_id, s.topic, s.partition_id, "
        "s.first_offset, s.next_offset, s.rewound,\n    s.counted, s.repeated, s.duplicate, "
        "s.conflict, s.excluded, s.late, s.erased,\n    s.dead_lettered, s.hole, s.gap);",
};
