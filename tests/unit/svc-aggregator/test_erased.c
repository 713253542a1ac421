/* Fingerprints, the set of erased players, records of the topic, receipts. */
#include "erased.h"
#include "receipt.h"
#include "topic.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define K1 "k1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define K2 "k2 f0f1f2f3f4f5f6f7f8f9fafbfcfdfefff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff\n"
/* printf %s px-player-1:p1 | openssl dgst -sha256 -mac HMAC -macopt hexkey:KEY */
#define P1_BY_K1 "6179e7149d8f898872f977b2a2d6a33f3aca8ece40069115bb3f57ea820bc310"
#define P1_BY_K2 "e35f0fc59a1647b4c5238314f10b98ee43257d45be0c0bfd30875dcfbf79b118"

static void ring(struct px_keyring *k, const char *text) {
    struct px_err e = PX_ERR_INIT;
    if (px_keyring_parse(px_str_c(text), k, &e) != PX_OK) {
        fail_msg("%s", e.msg);
    }
}

static void test_erased_fingerprints_are_those_of_openssl(void **state PX_UNUSED) {
    struct px_keyring k;
    uint8_t f[PX_HMAC_BYTES];
    char hex[PX_HMAC_TEXT];
    ring(&k, K1 K2);
    agg_fingerprint(&k, 0, PX_S("p1"), f);
    px_hmac_hex(f, hex);
    assert_memory_equal(hex, P1_BY_K1, sizeof hex);
    agg_fingerprint(&k, 1, PX_S("p1"), f);
    px_hmac_hex(f, hex);
    assert_memory_equal(hex, P1_BY_K2, sizeof hex);
    px_keyring_fini(&k);
}

static void test_erased_players_are_known_by_any_key(void **state PX_UNUSED) {
    struct px_keyring k;
    struct agg_erased x;
    struct px_err e = PX_ERR_INIT;
    ring(&k, K1 K2);
    agg_erased_init(&x, &k);
    assert_false(agg_erased_has(&x, PX_S("p1")));

    assert_int_equal(agg_erased_add(&x, PX_S("k2"), PX_S(P1_BY_K2), &e), PX_OK);
    assert_int_equal(agg_erased_add(&x, PX_S("k2"), PX_S(P1_BY_K2), &e), PX_OK);

    assert_int_equal(agg_erased_count(&x), 1);
    assert_true(agg_erased_has(&x, PX_S("p1")));
    assert_false(agg_erased_has(&x, PX_S("p2")));
    assert_false(agg_erased_has(&x, PX_S("p")));
    assert_false(x.used[0]); /* nothing is computed by a key that nobody was erased with */
    assert_int_equal(agg_erased_add(&x, PX_S("k3"), PX_S(P1_BY_K1), &e), PX_CONFIG);
    assert_non_null(strstr(e.msg, "with the key k3"));
    assert_int_equal(agg_erased_add(&x, PX_S("k1"), PX_S("short"), &e), PX_INVALID);
    agg_erased_reset(&x);
    assert_false(agg_erased_has(&x, PX_S("p1")));
    agg_erased_fini(&x);
    px_keyring_fini(&k);
}

static struct agg_entry entry(void) {
    return (struct agg_entry){
        .kid = "k1", .fingerprint = P1_BY_K1, .asked_at = INT64_C(1732615200123456)};
}

static void test_erased_records(void **state PX_UNUSED) {
    struct agg_entry e = entry(), got;
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(4096);
    agg_erase_record(&e, &b);
    assert_string_equal(px_buf_cstr(&b), "{\"version\":1,\"kid\":\"k1\",\"fingerprint\":\"" P1_BY_K1
                                         "\",\"askedAt\":\"2024-11-26T10:00:00.123456Z\"}");
    assert_true(agg_erase_record_read(PX_S(P1_BY_K1), px_buf_view(&b), &got));
    assert_string_equal(got.kid, "k1");
    assert_string_equal(got.fingerprint, P1_BY_K1);
    assert_int_equal(got.asked_at, e.asked_at);

    assert_false(agg_erase_record_read(PX_S(P1_BY_K2), px_buf_view(&b), &got)); /* another key */
    assert_false(agg_erase_record_read(PX_S(P1_BY_K1), (struct px_str){.p = NULL}, &got));
    assert_false(agg_erase_record_read(PX_S(P1_BY_K1), PX_S("{}"), &got));
    assert_false(agg_erase_record_read(PX_S(P1_BY_K1), PX_S("text"), &got));
}

static struct agg_receipt receipt(void) {
    struct agg_receipt r = {.kid = "k1",
                            .fingerprint = P1_BY_K1,
                            .topic = "ERS_X",
                            .asked_at = INT64_C(1732615200000000),
                            .finished_at = INT64_C(1732615201000001),
                            .letters_until = INT64_C(1732615202000000),
                            .claims_until = INT64_C(1732615203000000)};
    r.rows.n = 2;
    snprintf(r.rows.v[0].table, sizeof r.rows.v[0].table, "events");
    r.rows.v[0].rows = 12;
    snprintf(r.rows.v[1].table, sizeof r.rows.v[1].table, "players");
    r.rows.v[1].rows = 1;
    return r;
}

#define CANONICAL                                                                                  \
    "{\"version\":1,\"kid\":\"k1\",\"fingerprint\":\"" P1_BY_K1                                    \
    "\",\"askedAt\":\"2024-11-26T10:00:00.000000Z\",\"finishedAt\":\"2024-11-26T10:00:01."         \
    "000001Z\","                                                                                   \
    "\"rows\":{\"events\":12,\"players\":1},\"topic\":\"ERS_X\",\"logUntil\":null,"                \
    "\"lettersUntil\":\"2024-11-26T10:00:02.000000Z\",\"claimsUntil\":\"2024-11-26T10:00:03."      \
    "000000Z\"}"

static void test_erased_receipt_has_one_canonical_form(void **state PX_UNUSED) {
    struct agg_receipt r = receipt();
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(4096);
    agg_receipt_render(&r, &b);
    assert_string_equal(px_buf_cstr(&b), CANONICAL);
}

static void test_erased_receipt_is_read_back(void **state PX_UNUSED) {
    struct px_keyring k, other;
    struct agg_receipt r = receipt(), got;
    struct px_err e = PX_ERR_INIT;
    char spaced[4096], wrong[4096];
    PX_DEFER(px_buf_fini) struct px_buf b = PX_BUF_INIT(4096);
    ring(&k, K2 K1);
    ring(&other, "k1 " P1_BY_K2 "\n");
    assert_int_equal(agg_receipt_sign(&r, &k, &b, &e), PX_OK);
    const char *text = px_buf_cstr(&b);
    snprintf(spaced, sizeof spaced, " {\n%s \n", text + 1); /* as an editor leaves it */

    assert_int_equal(agg_receipt_read(px_str_c(spaced), &k, &got, &e), PX_OK);
    assert_int_equal(got.rows.n, 2);
    assert_int_equal(got.rows.v[0].rows, 12);
    assert_int_equal(got.log_until, 0);
    assert_int_equal(got.finished_at, r.finished_at);

    for (size_t i = 0; text[i]; i++) { /* whichever digit is changed */
        if (text[i] < '1' || text[i] > '8') {
            continue;
        }
        snprintf(wrong, sizeof wrong, "%s", text);
        wrong[i]++;
        enum px_code rc = agg_receipt_read(px_str_c(wrong), &k, &got, &e);
        if (rc != PX_DIFFERS && rc != PX_INVALID && rc != PX_CONFIG) {
            fail_msg("digit %zu: %s", i, wrong);
        }
    }
    assert_int_equal(agg_receipt_read(px_str_c(text), &other, &got, &e), PX_DIFFERS);
    const char *until = strstr(text, "null"); /* nobody knows, which is not "long ago" */
    snprintf(wrong, sizeof wrong, "%.*s\"1970-01-01T00:00:00Z\"%s", (int)(until - text), text,
             until + 4);
    assert_int_equal(agg_receipt_read(px_str_c(wrong), &k, &got, &e), PX_INVALID);
    assert_non_null(strstr(e.msg, "logUntil"));
    snprintf(wrong, sizeof wrong, "{\"more\":1,%s", text + 1);
    assert_int_equal(agg_receipt_read(px_str_c(wrong), &k, &got, &e), PX_INVALID);
    assert_int_equal(agg_receipt_read(PX_S(CANONICAL), &k, &got, &e), PX_INVALID);
    assert_non_null(strstr(e.msg, "signature"));
    px_keyring_fini(&k);
    px_keyring_fini(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_erased_fingerprints_are_those_of_openssl),
        cmocka_unit_test(test_erased_players_are_known_by_any_key),
        cmocka_unit_test(test_erased_records),
        cmocka_unit_test(test_erased_receipt_has_one_canonical_form),
        cmocka_unit_test(test_erased_receipt_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
