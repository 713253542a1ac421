/* The conformance suite of the dialects, second part: what the metrics API asks and what retention
 * deletes. */
#include "sql_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void fill_summaries(struct sql_fixture *f) {
    sql_do(f->s, "INSERT INTO daily_metrics VALUES ('2026-11-20', 'visit', 5), "
                 "('2026-11-21', 'deposit', 1), ('2026-11-21', 'visit', 7), "
                 "('2026-11-22', 'visit', 9)");
    sql_do(f->s, "INSERT INTO event_summary VALUES ('2026-11-21', 'visit', 'b1', 3), "
                 "('2026-11-21', 'visit', 'b2', 4), ('2026-11-21', 'visit', 'b3', 3), "
                 "('2026-11-21', 'deposit', 'b1', 1)");
    sql_do(f->s, "INSERT INTO minute_summary VALUES "
                 "('2026-11-21 09:59:00.000000', 'visit', 'b1', 2), "
                 "('2026-11-21 10:00:00.000000', 'visit', 'b1', 3), "
                 "('2026-11-21 10:30:00.000000', 'visit', 'b2', 4), "
                 "('2026-11-21 10:30:00.000000', 'deposit', 'b2', 1), "
                 "('2026-11-21 11:00:00.000000', 'visit', 'b1', 8)");
    sql_do(f->s, "INSERT INTO rollup_values VALUES "
                 "('r', '2026-11-21 10:00:00.000000', 'x', '', '', 4), "
                 "('q', '2026-11-21 10:00:00.000000', 'x', '', '', 5)");
}

static void test_daily_queries(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    fill_summaries(f);
    EXPECT(f, PX_ST_DAILY, "2026-11-20|visit|5\n2026-11-21|deposit|1\n2026-11-21|visit|7",
           "t2026-11-20", "t2026-11-21");
    EXPECT(f, PX_ST_DAILY, "", "t2026-11-21", "t2026-11-20");
    EXPECT(f, PX_ST_DAILY_OF_TYPE, "2026-11-21|deposit|1", "t2026-01-01", "t2026-12-31",
           "tdeposit");
    EXPECT(f, PX_ST_DAILY_OF_BANNER, "2026-11-21|deposit|1\n2026-11-21|visit|3", "t2026-01-01",
           "t2026-12-31", "tb1");
}

/* 2026-11-21 10:00 = 1795255200 */
#define MINUTE "i60000000"
#define HOUR   "i3600000000"
#define TEN    "i1795255200000000"
#define ELEVEN "i1795258800000000"

static void test_series_of_any_grain(void **state) {
    struct sql_fixture *f = sql_fixture_get(state);
    fill_summaries(f);
    EXPECT(f, PX_ST_SERIES,
           "1795255200000000|visit|3\n1795257000000000|deposit|1\n1795257000000000|visit|4", MINUTE,
           MINUTE, TEN, ELEVEN);
    EXPECT(f, PX_ST_SERIES, "1795255200000000|deposit|1\n1795255200000000|visit|7", HOUR, HOUR, TEN,
           ELEVEN);
    EXPECT(f, PX_ST_SERIES_OF_TYPE, "1795255200000000|visit|7", HOUR, HOUR, TEN, ELEVEN, "tvisit");
    EXPECT(f, PX_ST_SERIES_OF_BANNER, "1795255200000000|deposit|1\n1795255200000000|visit|4", HOUR,
           HOUR, TEN, ELEVEN, "tb2");
    EXPECT(f, PX_ST_ROLLUP, "1795255200000000|x|||4", "tr", TEN, ELEVEN);
    EXPECT(f, PX_ST_ROLLUP, "", "tr", ELEVEN, ELEVEN);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        SQL_TEST(test_daily_queries),
        SQL_TEST(test_series_of_any_grain),
    };
    int failed = 0;
    SQL_TEST_EACH_DIALECT(tests, failed)
    return failed;
}
