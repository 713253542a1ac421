/* The body of the keys, shared by the file that reads them (keys_yaml.c) and the file that answers
 * questions (keys.c). Nobody else may look inside. */
#ifndef PX_KEYS_IMPL_H
#define PX_KEYS_IMPL_H

#include <px/arena.h>
#include <px/keys.h>
#include <px/map.h>

struct px_keys {
    struct px_arena mem; /* everything below lives here */
    struct px_map by_site, by_id;
    struct px_key_rate *rates;
    struct px_site_key *sites;
    struct px_server_key *servers;
    size_t nrates, nsites, nservers;
};

#endif
