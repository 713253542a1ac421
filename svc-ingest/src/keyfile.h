/* The key file from the operator's side: making a key for it, and asking whether it is in order. */
#ifndef ING_KEYFILE_H
#define ING_KEYFILE_H

#include "service.h"

/* keys.file: readable, well-formed, not for others to write; what has expired or soon will. */
enum px_code ing_probe_keys(void *svc, struct px_probe_out *out, struct px_err *reterr);

/* --make-key CLIENT: prints a key and its row; keeps neither. Errors: PX_USAGE (names the
 * parameter), PX_IO. */
enum px_code ing_make_key(void *svc, const char *client, struct px_err *reterr);
#define ING_MAKE_KEY_PARAMS 3
extern const struct px_app_param ing_make_key_params[ING_MAKE_KEY_PARAMS];

#endif
