/* The table of raw requests, tests/http/raw.txt, as rows: the file says what its lines mean. */
#ifndef TEST_RAW_TABLE_H
#define TEST_RAW_TABLE_H

#include <px/buf.h>

enum raw_port {
    RAW_INGEST,  /* 'i': the event port of svc-ingest */
    RAW_METRICS, /* 'm': the port of svc-metrics-api */
    RAW_ADMIN,   /* 'a': an admin port */
};

enum raw_end {
    RAW_OPEN,   /* another request on the connection is answered */
    RAW_CLOSED, /* the server closes */
    RAW_CUT,    /* the client sends no more; the server then closes without another answer */
};

struct raw_row {
    char *name;
    char *answers; /* "200 ~404 400:bad_host", or "-" */
    enum raw_end end;
    int line; /* in the file */
    struct px_buf bytes;
};
struct raw_table {
    struct raw_row *rows;
    size_t n;
};

/* raw_table_load(path, port, ret): the rows for one port. A file that cannot be read as the table
 * ends the program with a message that names the line. Gives: free with raw_table_free. */
void raw_table_load(const char *path, enum raw_port port, struct raw_table *ret);
void raw_table_free(struct raw_table *t);

#endif
