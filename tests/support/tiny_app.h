/* A service of a few lines, for tests of the life cycle: every step is a log line ("tiny.drain"),
 * its options say what goes wrong. A test program becomes it when its first argument is TINY. */
#ifndef TINY_APP_H
#define TINY_APP_H

#define TINY "--as-tiny-service"

/* tiny_main(argc, argv): px_app_main of the service with the arguments behind TINY. */
int tiny_main(int argc, char **argv);

#endif
