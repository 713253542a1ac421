"""Reads every statement for SQL Server with two parsers of T-SQL, compares its tables and grants with those of the
other dialects, and proves first that what is wrong is found. TAP on standard output.

sqlfluff has a grammar of T-SQL and marks what does not fit it; it lets some expressions through. sqlglot has a tree of
every dialect in which those are seen. A statement must pass both. Parameters are named as an ODBC driver names them.
"""
import glob
import os
import re
import sys
import warnings

import sqlfluff
import sqlglot
from sqlfluff.core import FluffConfig, Linter
from sqlglot import exp

ROOT = sys.argv[1]
SQL = os.path.join(ROOT, "database/sqlserver")
GOLDEN = os.path.join(ROOT, "tests/golden/sql/sqlserver.sql")
DIALECT = os.path.join(ROOT, "libcore/src/sql/dialect_sqlserver.c")
LINTER = Linter(config=FluffConfig(overrides={"dialect": "tsql"}))

# Words of other databases, or of releases after 2016, that a parser takes for names or lets through.
FOREIGN = set("""RETURNING LIMIT ILIKE TRUE FALSE INTERVAL EXTRACT NOW UUID TIMESTAMPTZ BOOLEAN SERIAL GREATEST LEAST
    UNNEST TEXT NTEXT JSON_EXTRACT STRFTIME GENERATE_SERIES""".split())
# What sqlglot has no tree for; the grammar has.
NO_TREE = re.compile(r"SET (ANSI_NULLS|TRANSACTION)|\bTHROW\b|^(GRANT|REVOKE) SELECT \(|^CREATE ROLE \w+;$", re.M)

failed = 0
count = 0


def tap(ok, name, why=""):
    global failed, count
    count += 1
    failed += not ok
    for line in (why or "").splitlines() if not ok else []:
        print("#   " + line)
    print(("ok " if ok else "not ok ") + "%d - %s" % (count, name))


def without_strings(sql):
    return re.sub(r"N?'(?:[^']|'')*'", "''", re.sub(r"--[^\n]*", "", sql))


def named(sql):
    """"?" outside strings and comments becomes @P1, @P2 ..."""
    n = 0

    def one(m):
        nonlocal n
        if m.group(0) != "?":
            return m.group(0)
        n += 1
        return "@P%d" % n

    return re.sub(r"'(?:[^']|'')*'|--[^\n]*|\?", one, sql)


def grammar(sql):
    parsed = LINTER.parse_string(sql)
    if parsed.violations:
        return parsed.violations[0].desc()
    tree = parsed.tree
    if tree is None or not list(tree.recursive_crawl("statement")):
        return "there is no statement"
    if list(tree.recursive_crawl("unparsable")):
        return "a part does not fit the grammar"
    return None


def foreign(sql):
    bare = without_strings(sql)
    words = set(re.findall(r"(?<![\w@\"])[A-Za-z_]+(?![\w\"])", bare))
    for word in sorted(words):
        if word.upper() in FOREIGN:
            return "%s is no word of T-SQL, or a newer one" % word
    for mark in ("::", "||", "?", "$"):
        if mark in bare:
            return "%s does not belong there" % mark
    if re.search(r"\bexcluded\.", bare, re.I):
        return "excluded. belongs to ON CONFLICT"
    if re.search(r"\bIS\s+(NOT\s+)?DISTINCT\b", bare, re.I):
        return "IS DISTINCT FROM came with SQL Server 2022"
    if re.search(r"\bMERGE\b", bare, re.I) and not re.search(r"\bMERGE\s+INTO\s+\S+\s+WITH \(HOLDLOCK\)", bare):
        return "MERGE without HOLDLOCK races"
    if re.search(r"\bMERGE\b", bare, re.I) and not bare.rstrip().endswith(";"):
        return "MERGE must end with a semicolon"
    return None


def tree(sql):
    if NO_TREE.search(sql):
        return None
    try:
        for t in sqlglot.parse(sql, read="tsql", error_level=sqlglot.ErrorLevel.RAISE):
            if t is None:
                continue
            command = t.find(exp.Command)
            if command:
                return "sqlglot does not know: " + command.sql()[:80]
            for tup in t.find_all(exp.Tuple):
                if isinstance(tup.parent, (exp.In, exp.Binary)):
                    return "row values are compared"
    except sqlglot.errors.SqlglotError as e:
        return "sqlglot: " + str(e).splitlines()[0]
    return None


def wrong(sql):
    """None, or why the text is no T-SQL; texts given to EXEC are read too."""
    text = named(sql)
    why = grammar(text) or foreign(text) or tree(text)
    for inner in re.findall(r"EXEC\(N'((?:[^']|'')*)'\)", text):
        why = why or wrong(inner.replace("''", "'") + ";")
    return why


def blocks(path):
    """(title, statements) of a golden file."""
    for part in re.split(r"^-- ", open(path).read(), flags=re.M)[2:]:
        title, _, sql = part.partition("\n")
        yield title, sql.strip()


def statements(path):
    """The statements of a migration, split as the runner does: at semicolons outside quotes and comments."""
    text = re.sub(r"--[^\n]*", "", open(path).read())
    out, one = [], ""
    for piece in re.findall(r"'(?:[^']|'')*'|\"[^\"]*\"|;|[^'\";]+", text):
        if piece == ";":
            out.append(one.strip())
            one = ""
        else:
            one += piece
    out.append(one.strip())
    return [s for s in out if s]


def literals(path):
    """static const char name[] = "..."; of literals alone, with the formats of numbers and words filled in."""
    text = open(path).read()
    string = r"((?:\"(?:[^\"\\]|\\.)*\"\s*)+)"
    for name, body in re.findall(r"static const char (\w+)\[\] =\s*" + string + ";", text) + re.findall(
            r"static const struct px_str (\w+) =\s*PX_S_INIT\(" + string + r"\);", text):
        sql = "".join(re.findall(r"\"((?:[^\"\\]|\\.)*)\"", body)).replace("\\n", "\n").replace('\\"', '"')
        yield name, sql


# --- what must be refused -------------------------------------------------------------------------------------------

BAD = """SELECT a FROM t LIMIT 5;
INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING;
INSERT INTO t (a) VALUES (1) RETURNING a;
SELECT a FROM t WHERE (a, b) IN (SELECT a, b FROM u);
SELECT a FROM t WHERE (a, b) > (1, 2);
UPDATE t SET a = 1 FROM u OUTPUT inserted.a WHERE 1 = 1;
SELECT CAST(a AS bigint[]) FROM t;
SELECT a FROM t FOR UPDATE;
SELECT a::int FROM t;
MERGE INTO t WITH (HOLDLOCK) AS t USING u ON t.a = u.a WHEN MATCHED THEN SET a = 1;
MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN UPDATE SET a = 1;
CREATE TABLE IF NOT EXISTS t (a int);
SELECT a FROM t WHERE true;
SELECT a FROM t WHERE a IS DISTINCT FROM b;
SELEC a FROM t;
SELECT a FROM t WHERE a = ;
SELECT (a FROM t;
GRANT SELECT ON t px_agg;
SELECT a FROM t WITH (UPDLOK);
DELETE FROM t USING u WHERE t.a = u.a;
SELECT a || 'b' FROM t;
CREATE ROLE IF NOT EXISTS px;
SELECT TIMESTAMPTZ 'epoch';
CREATE TABLE t (a text PRIMARY KEY);
ALTER TABLE t ADD COLUMN a int;
SELECT EXTRACT(EPOCH FROM a) FROM t;
SELECT GREATEST(a, b) FROM t;
SELECT c0 FROM OPENJSON(?) WITH (c0 bigint '$[0]' AS j;
IF DATABASE_PRINCIPAL_ID(N'px') IS NULL EXEC(N'CREATE ROL px');""".splitlines()

# Made of a statement that is right: each must be refused although the rest is ours.
DAMAGE = [("a bracket is lost", "(UPDLOCK, HOLDLOCK)", "(UPDLOCK, HOLDLOCK"),
          ("a hint is misspelt", "UPDLOCK", "UPDLOKC"),
          ("a word is lost", "OUTPUT inserted", "inserted"),
          ("a comma is lost", "revision = o.revision + 1,", "revision = o.revision + 1"),
          ("a clause of another database", "OUTPUT inserted.partition_id", "RETURNING partition_id")]


def test_what_is_wrong_is_found():
    for sql in BAD:
        tap(wrong(sql) is not None, "refused: " + sql)
    fence = dict(blocks(GOLDEN))["fence"]
    for what, old, new in DAMAGE:
        assert old in fence, old
        tap(wrong(fence.replace(old, new, 1)) is not None, "refused: the fence, " + what)


# --- what must be right ---------------------------------------------------------------------------------------------

def test_statements():
    found = list(blocks(GOLDEN))
    tap(len(found) >= 71, "the golden file holds every statement", "only %d" % len(found))
    for title, sql in found:
        why = wrong(sql)
        tap(why is None, "sqlserver.sql: " + title, why)


def test_fixed_texts():
    found = list(literals(DIALECT))
    for name in ("settings", "able", "get", "let_go", "snapshot", "committed", "durable_query"):
        tap(name in dict(found), "dialect_sqlserver.c has " + name)
    for name, sql in found:
        why = wrong(sql.rstrip().rstrip(";") + ";")
        tap(why is None, "dialect_sqlserver.c: " + name, why)


def test_migrations():
    for path in sorted(glob.glob(SQL + "/*.sql")):
        name = os.path.basename(path)
        why = wrong(open(path).read()) # as golang-migrate sends it
        for one in statements(path): # as our runner does
            why = why or wrong(one + ";")
        if re.search(r"^\s*GO\s*$", open(path).read(), re.M | re.I):
            why = "GO is a word of sqlcmd"
        tap(why is None, "database/sqlserver/" + name, why)
    for other in ("sqlite", "postgresql"):
        want = {os.path.basename(p) for p in glob.glob(os.path.join(ROOT, "database", other, "0*.sql"))}
        got = {os.path.basename(p) for p in glob.glob(SQL + "/0*.sql")}
        tap(got == want, "the same migrations as " + other, "not in both: %s" % sorted(got ^ want))


def tables(paths):
    """name -> [(column, may be NULL, place in the key)]; without columns that are computed."""
    out = {}
    for path in paths:
        for sql in statements(path):
            added = re.search(r"ALTER TABLE (\w+) ADD \"?(\w+)\"? (.+)", sql, re.S)
            if added:
                out[added.group(1)].append((added.group(2), "NOT NULL" not in added.group(3), 0))
            m = re.search(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+) \((.*)\)", sql, re.S)
            if not m:
                continue
            columns, key = [], []
            for line in re.split(r",(?![^(]*\))", m.group(2)):
                keyed = re.search(r"PRIMARY KEY \((.*)\)", line)
                column = re.match(r'\s*"?(\w+)"?\s+(.+)$', line, re.S)
                if keyed:
                    key = [k.strip('" ') for k in keyed.group(1).split(",")]
                elif column and not column.group(2).startswith("AS "):
                    columns.append((column.group(1), "NOT NULL" not in line))
                    key = [column.group(1)] if "PRIMARY KEY" in line else key
            key = [k for k in key if k in dict(columns)]
            out[m.group(1)] = [(c, null and c not in key, key.index(c) + 1 if c in key else 0) for c, null in columns]
    return out


def test_tables():
    lite = tables([os.path.join(ROOT, "database/sqlite/schema.sql")])
    ours = tables(sorted(glob.glob(SQL + "/*.up.sql")))
    tap(len(lite) >= 14, "tables of SQLite are read")
    tap(sorted(lite) == sorted(ours), "the same tables as SQLite", "%s" % sorted(set(lite) ^ set(ours)))
    for name in sorted(lite):
        tap(ours.get(name) == lite[name], "the same columns and key as SQLite: " + name,
            "%s\n%s" % (ours.get(name), lite[name]))


# Tables and columns of the samples in the golden file.
SAMPLE = {"sample": "event_date banner_tag id count first_seen last_seen offset player_id".split()}


def strange_names(sql, known):
    """Tables and columns that nobody made: neither a migration, nor the statement itself."""
    bad = []
    for t in sqlglot.parse(named(sql), read="tsql"):
        if t is None or t.find(exp.Command):
            continue
        own = {c.alias for c in t.find_all(exp.CTE)} | {a.alias for a in t.find_all(exp.Subquery)}
        own |= {a.name for a in t.find_all(exp.TableAlias) for a in [a.this] if a}
        made = {c.name for a in t.find_all(exp.TableAlias) for c in a.args.get("columns") or []}
        made |= {a.alias for a in t.find_all(exp.Alias)} | {c.name for c in t.find_all(exp.ColumnDef)}
        made |= {c.name for c in t.find_all(exp.OpenJSONColumnDef)}
        for table in t.find_all(exp.Table):
            if table.name and not table.name.startswith("sp_") and table.name not in known and table.name not in own:
                bad.append("table " + table.name)
        columns = {c for v in known.values() for c in v} | made
        for c in t.find_all(exp.Column):
            if c.name not in columns and c.name not in ("value", "key", "*", "microsecond", "minute"):
                bad.append("column " + c.sql())
    return bad


def test_names():
    known = {n: [c for c, _, _ in v] for n, v in tables(sorted(glob.glob(SQL + "/*.up.sql"))).items()}
    known.update(SAMPLE, schema_migrations=["version", "dirty"])
    fence = dict(blocks(GOLDEN))["fence"]
    tap(bool(strange_names(fence.replace("o.revision", "o.revisoin"), known)), "found: a column that nobody made")
    tap(bool(strange_names(fence.replace("consumer_offsets AS", "consumer_offset AS"), known)), "found: a table, too")
    for title, sql in blocks(GOLDEN):
        if "sys." in sql or sql.startswith("SET ") or NO_TREE.search(sql):
            continue
        bad = strange_names(sql, known)
        tap(not bad, "names of " + title, ", ".join(sorted(set(bad))))


RIGHT = {"s": "SELECT", "i": "INSERT", "u": "UPDATE", "d": "DELETE", "t": "TRUNCATE"}


def test_grants():
    """database/privileges.txt, in both directions; the ids of events are px_agg's to see (0002_roles)."""
    want = set()
    rows = [l.split() for l in open(os.path.join(ROOT, "database/privileges.txt")) if l.strip() and l[0] != "#"]
    for row in rows[1:]:
        for role, cell in zip(rows[0][1:], row[1:]):
            want |= {(role, RIGHT[c], row[0]) for c in cell if c != "-"}
    got, columns = set(), set()
    for path in sorted(glob.glob(SQL + "/*.up.sql")):
        for sql in statements(path):
            m = re.match(r"(GRANT|REVOKE) (.*) ON (\w+) (?:TO|FROM) (\w+)$", sql)
            if not m:
                tap(not sql.startswith(("GRANT", "REVOKE", "DENY")), "a grant of one table to one role: " + sql[:60])
                continue
            for right in m.group(2).split(", "):
                one = (m.group(4), right, m.group(3))
                (columns if "(" in right else got).add(one)
    tap(got == want, "grants are those of privileges.txt", "%s" % sorted(got ^ want))
    tap(columns == {("px_agg", "SELECT (id)", "events")}, "and one column", "%s" % sorted(columns))


warnings.simplefilter("ignore")
print("# sqlfluff %s, sqlglot %s" % (sqlfluff.__version__, sqlglot.__version__))
test_what_is_wrong_is_found()
test_statements()
test_fixed_texts()
test_migrations()
test_tables()
test_names()
test_grants()
print("1..%d" % count)
sys.exit(1 if failed else 0)
