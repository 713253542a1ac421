/* A TCP relay in a thread that can be told to cut one connection at a chosen moment: what a client
 * sees when the answer to its last request never comes. For tests of doubtful commits. */
#ifndef TEST_TCP_CUT_H
#define TEST_TCP_CUT_H

enum tcp_cut {
    TCP_PASS,
    TCP_CUT_ANSWER /* request arrives, answer does not */,
    TCP_CUT_REQUEST
};

struct tcp_relay;
/* tcp_relay_start(port): relays 127.0.0.1 -> 127.0.0.1:port, one connection at a time. */
struct tcp_relay *tcp_relay_start(int port);
int tcp_relay_port(const struct tcp_relay *r);
/* From now on: pass everything; or let the next request pass and close when its answer comes; or
 * close when the next request comes, without passing it on. */
void tcp_relay_mode(struct tcp_relay *r, enum tcp_cut mode);
/* How many connections it has cut. */
unsigned tcp_relay_cuts(const struct tcp_relay *r);
void tcp_relay_stop(struct tcp_relay *r);

#endif
