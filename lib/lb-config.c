/* SPDX-License-Identifier: Apache-2.0 */

/* Configuration of load balancers; see lb-config.h. */

#include <config.h>
#include "lb-config.h"

#include <stdlib.h>
#include <string.h>

#include "lb.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "ovs-compat.h"
#include "packets.h"
#include "util.h"
#include "uuid.h"

#define KEY_PREFIX "ovn-local-lb-"

/* The words for localities, where they are options of a load balancer and
 * where they are a chassis' default. */
static const struct {
    const char *option;
    const char *by_default;
} locality_words[] = {
    [LB_LOCALITY_NONE] = { "false", "off" },
    [LB_LOCALITY_STRICT] = { "true", "strict" },
    [LB_LOCALITY_FALLBACK] = { "fallback", "fallback" },
};

const char *
lb_locality_to_string(enum lb_locality locality)
{
    return locality_words[locality].by_default;
}

bool
lb_locality_from_option(const char *value, enum lb_locality *locality)
{
    *locality = LB_LOCALITY_NONE;
    for (size_t i = 0; value && i < ARRAY_SIZE(locality_words); i++) {
        if (!strcmp(value, locality_words[i].option)) {
            *locality = i;
            return true;
        }
    }
    return !value;
}

bool
lb_locality_from_default(const char *value, enum lb_locality *locality)
{
    *locality = LB_LOCALITY_NONE;
    for (size_t i = 0; value && i < ARRAY_SIZE(locality_words); i++) {
        if (!strcmp(value, locality_words[i].by_default)) {
            *locality = i;
            return true;
        }
    }
    return !value;
}

const char *
lb_source_to_string(enum lb_source source)
{
    switch (source) {
    case LB_SOURCE_ACTION:
        return "action";
    case LB_SOURCE_ROW:
        return "Load_Balancer";
    case LB_SOURCE_ENTRY:
        return "SB_Global";
    case LB_SOURCE_DEFAULT:
    default:
        return "ovn-lb-local";
    }
}

/* How well a load balancer fits: 0, not at all; else the higher the better. */
static int
fitness(const struct lb_config *config, const struct lb_vip *vips,
        size_t n_vips, const struct lb_endpoint *backends, size_t n)
{
    if (config->source == LB_SOURCE_DEFAULT) {
        return 1;
    } else if (config->source == LB_SOURCE_ENTRY) {
        return 2;
    }
    for (size_t i = 0; i < n_vips; i++) {
        if (lb_vip_has_backends(&vips[i], backends, n)) {
            return 3;
        }
    }
    return 0;
}

void
lb_choice_consider(struct lb_choice *choice, const struct lb_config *config,
                   const struct lb_vip *vips, size_t n_vips,
                   const struct lb_endpoint *backends, size_t n)
{
    int fits = fitness(config, vips, n_vips, backends, n);

    if (config->source == LB_SOURCE_DEFAULT) {
        choice->any_unconfigured = true;
    } else {
        choice->any_configured = true;
    }
    if (fits > choice->fitness) {
        choice->fitness = fits;
        choice->best = config;
    }
}

enum lb_locality
lb_choice_locality(const struct lb_choice *choice,
                   enum lb_locality by_default, enum lb_source *source)
{
    if (choice->best && choice->best->source != LB_SOURCE_DEFAULT) {
        *source = choice->best->source;
        return choice->best->locality;
    }
    *source = LB_SOURCE_DEFAULT;
    return (choice->any_unconfigured || !choice->any_configured
            ? by_default : LB_LOCALITY_NONE);
}

enum lb_locality
lb_locality_decide(const struct smap *row, const struct lb_entry *entry,
               enum lb_locality by_default, enum lb_source *source,
               const char **bad)
{
    const struct smap *options = row ? row : entry ? &entry->options : NULL;
    const char *value = options ? smap_get(options, "distributed") : NULL;
    enum lb_locality locality;

    *bad = NULL;
    if (!value) {
        *source = LB_SOURCE_DEFAULT;
        return by_default;
    }
    *source = row ? LB_SOURCE_ROW : LB_SOURCE_ENTRY;
    if (!lb_locality_from_option(value, &locality)) {
        *bad = value;
    }
    return locality;
}

char *
lb_config_init(struct lb_config *config, const struct uuid *nb,
               const char *row_name, const struct smap *row_options,
               const struct lb_entry *entry)
{
    const struct smap none = SMAP_INITIALIZER(&none);
    const char *bad_value;
    char *bad_mappings;

    ovs_assert(row_options || entry);
    config->nb = *nb;
    /* cppcheck-suppress nullPointerRedundantCheck */
    config->name = xstrdup(row_options ? row_name : entry->name);
    smap_clone(&config->options, row_options ? row_options : &entry->options);
    lb_mappings_parse(entry ? &entry->ip_port_mappings : &none,
                      &config->mappings, &bad_mappings);
    config->locality = lb_locality_decide(row_options, entry,
                                          LB_LOCALITY_NONE, &config->source,
                                          &bad_value);
    if (bad_value) {
        free(bad_mappings);
        return xasprintf("options:distributed has unknown value \"%s\" "
                         "(there are true, fallback and false), the load "
                         "balancer is not distributed", bad_value);
    } else if (bad_mappings) {
        char *s = xasprintf("ip_port_mappings that are malformed are ignored: "
                            "%s", bad_mappings);
        free(bad_mappings);
        return s;
    }
    return NULL;
}

void
lb_config_destroy(struct lb_config *config)
{
    free(config->name);
    smap_destroy(&config->options);
    lb_mappings_destroy(&config->mappings);
}

bool
lb_config_equal(const struct lb_config *a, const struct lb_config *b)
{
    return (uuid_equals(&a->nb, &b->nb)
            && !strcmp(a->name, b->name)
            && a->source == b->source
            && a->locality == b->locality
            && smap_equal(&a->options, &b->options)
            && lb_mappings_equal(&a->mappings, &b->mappings));
}

/* Parses an address without a port, in brackets or bare. */
static bool
parse_address(const char *s, struct in6_addr *ip)
{
    struct lb_endpoint ep;

    if (!lb_endpoint_parse(s, &ep) || ep.port) {
        return false;
    }
    *ip = ep.ip;
    return true;
}

/* Parses 'key', a backend's address, and 'value', "PORT" or "PORT:ADDRESS".
 * Names of ports may have colons in them, and so do IPv6 addresses: the
 * longest thing after a colon that is an address is one. */
static bool
mapping_parse(const char *key, const char *value, struct lb_mapping *m)
{
    memset(m, 0, sizeof *m);
    if (!value[0] || !parse_address(key, &m->ip)) {
        return false;
    }
    for (const char *colon = strchr(value, ':'); colon;
         colon = strchr(colon + 1, ':')) {
        if (colon > value && parse_address(colon + 1, &m->source)) {
            m->has_source = true;
            m->lport = xmemdup0(value, colon - value);
            return true;
        }
    }
    m->lport = xstrdup(value);
    return true;
}

static int
mapping_compare(const void *a_, const void *b_)
{
    const struct lb_mapping *a = a_;
    const struct lb_mapping *b = b_;

    return memcmp(&a->ip, &b->ip, sizeof a->ip);
}

/* An IPv6 address may be there in two spellings, and then neither is right. */
static void
drop_duplicates(struct lb_mappings *mappings, struct ds *errors)
{
    struct lb_mapping *array = mappings->array;
    size_t n = 0;

    for (size_t i = 0; i < mappings->n; ) {
        size_t j = i + 1;

        while (j < mappings->n && !mapping_compare(&array[i], &array[j])) {
            j++;
        }
        if (j == i + 1) {
            array[n++] = array[i];
        } else {
            for (size_t k = i; k < j; k++) {
                ds_put_cstr(errors, errors->length ? " " : "");
                ipv6_format_mapped(&array[k].ip, errors);
                ds_put_format(errors, "=%s (again)", array[k].lport);
                free(array[k].lport);
            }
        }
        i = j;
    }
    mappings->n = n;
}

void
lb_mappings_parse(const struct smap *smap, struct lb_mappings *mappings,
                  char **bad)
{
    const struct smap_node **nodes = smap_sort(smap);
    struct ds errors = DS_EMPTY_INITIALIZER;
    size_t n_nodes = smap_count(smap);

    mappings->array = xmalloc(MAX(n_nodes, 1) * sizeof *mappings->array);
    mappings->n = 0;
    for (size_t i = 0; i < n_nodes; i++) {
        struct lb_mapping *m = &mappings->array[mappings->n];

        if (mapping_parse(nodes[i]->key, nodes[i]->value, m)) {
            mappings->n++;
        } else {
            ds_put_format(&errors, "%s%s=%s", errors.length ? " " : "",
                          nodes[i]->key, nodes[i]->value);
        }
    }
    free(nodes);
    qsort(mappings->array, mappings->n, sizeof *mappings->array,
          mapping_compare);
    drop_duplicates(mappings, &errors);
    *bad = errors.length ? ds_steal_cstr(&errors) : NULL;
    ds_destroy(&errors);
}

void
lb_mappings_destroy(struct lb_mappings *mappings)
{
    for (size_t i = 0; i < mappings->n; i++) {
        free(mappings->array[i].lport);
    }
    free(mappings->array);
}

bool
lb_mappings_equal(const struct lb_mappings *a, const struct lb_mappings *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        const struct lb_mapping *x = &a->array[i];
        const struct lb_mapping *y = &b->array[i];

        if (mapping_compare(x, y) || strcmp(x->lport, y->lport)
            || x->has_source != y->has_source
            || (x->has_source
                && !ipv6_addr_equals(&x->source, &y->source))) {
            return false;
        }
    }
    return true;
}

const struct lb_mapping *
lb_mappings_find(const struct lb_mappings *mappings, const struct in6_addr *ip)
{
    struct lb_mapping key = { .ip = *ip };

    /* 'array' may be NULL if there are none. */
    return (mappings->n
            ? bsearch(&key, mappings->array, mappings->n,
                      sizeof *mappings->array, mapping_compare)
            : NULL);
}

void
lb_entry_init(struct lb_entry *entry)
{
    entry->name = xstrdup("");
    smap_init(&entry->options);
    smap_init(&entry->ip_port_mappings);
    sset_init(&entry->vips);
}

void
lb_entry_destroy(struct lb_entry *entry)
{
    free(entry->name);
    smap_destroy(&entry->options);
    smap_destroy(&entry->ip_port_mappings);
    sset_destroy(&entry->vips);
}

bool
lb_entry_equal(const struct lb_entry *a, const struct lb_entry *b)
{
    return (!strcmp(a->name, b->name)
            && smap_equal(&a->options, &b->options)
            && smap_equal(&a->ip_port_mappings, &b->ip_port_mappings)
            && sset_equals(&a->vips, &b->vips));
}

char *
lb_entry_key(const struct uuid *nb_uuid)
{
    return xasprintf(KEY_PREFIX UUID_FMT, UUID_ARGS(nb_uuid));
}

bool
lb_entry_key_parse(const char *key, struct uuid *nb_uuid)
{
    size_t n = strlen(KEY_PREFIX);

    if (strncmp(key, KEY_PREFIX, n) || !uuid_from_string(nb_uuid, key + n)) {
        return false;
    }
    char *spelling = lb_entry_key(nb_uuid);
    bool is_key = !strcmp(key, spelling);
    free(spelling);
    return is_key;
}

static struct json *
smap_to_object(const struct smap *smap)
{
    struct json *object = json_object_create();
    const struct smap_node *node;

    SMAP_FOR_EACH (node, smap) {
        json_object_put_string(object, node->key, node->value);
    }
    return object;
}

char *
lb_entry_format(const struct lb_entry *entry)
{
    struct json *json = json_object_create();
    const char **vips = sset_sort(&entry->vips);
    struct json *array = json_array_create_empty();

    for (size_t i = 0; i < sset_count(&entry->vips); i++) {
        json_array_add(array, json_string_create(vips[i]));
    }
    free(vips);

    json_object_put_string(json, "name", entry->name);
    json_object_put(json, "options", smap_to_object(&entry->options));
    json_object_put(json, "ip_port_mappings",
                    smap_to_object(&entry->ip_port_mappings));
    json_object_put(json, "vips", array);

    char *s = json_to_string(json, JSSF_SORT);
    json_destroy(json);
    return s;
}

/* Reads the member 'name' of 'json', strings by strings, if it is there. */
static char *
read_strings(const struct json *json, const char *name, struct smap *smap)
{
    const struct json *member = shash_find_data(json_object(json), name);
    const struct shash_node *node;

    if (!member) {
        return NULL;
    }
    if (member->type != JSON_OBJECT) {
        return xasprintf("\"%s\" is no object", name);
    }
    SHASH_FOR_EACH (node, json_object(member)) {
        const struct json *value = node->data;

        if (value->type != JSON_STRING) {
            return xasprintf("\"%s\" has a value that is no string", name);
        }
        smap_replace(smap, node->name, json_string(value));
    }
    return NULL;
}

/* Reads the names: the load balancer's, and what it calls its VIPs. */
static char *
read_names(const struct json *json, struct lb_entry *entry)
{
    const struct json *name = shash_find_data(json_object(json), "name");
    const struct json *vips = shash_find_data(json_object(json), "vips");

    if (name && name->type != JSON_STRING) {
        return xstrdup("\"name\" is no string");
    }
    if (name) {
        free(entry->name);
        entry->name = xstrdup(json_string(name));
    }
    if (vips && vips->type != JSON_ARRAY) {
        return xstrdup("\"vips\" is no array");
    }
    for (size_t i = 0; vips && i < ovs_json_array_size(vips); i++) {
        const struct json *vip = ovs_json_array_at(vips, i);

        if (vip->type != JSON_STRING) {
            return xstrdup("\"vips\" has an element that is no string");
        }
        sset_add(&entry->vips, json_string(vip));
    }
    return NULL;
}

static char *
read_entry(const struct json *json, struct lb_entry *entry)
{
    if (json->type == JSON_STRING) {
        return xstrdup(json_string(json)); /* The parser's message. */
    }
    if (json->type != JSON_OBJECT) {
        return xstrdup("not an object");
    }

    char *error = read_names(json, entry);
    if (!error) {
        error = read_strings(json, "options", &entry->options);
    }
    if (!error) {
        error = read_strings(json, "ip_port_mappings",
                             &entry->ip_port_mappings);
    }
    return error;
}

char *
lb_entry_parse(const char *value, struct lb_entry *entry)
{
    if (strnlen(value, LB_ENTRY_MAX_LEN + 1) > LB_ENTRY_MAX_LEN) {
        return xasprintf("longer than %d bytes", LB_ENTRY_MAX_LEN);
    }

    struct json *json = json_from_string(value);
    lb_entry_init(entry);
    char *error = read_entry(json, entry);
    if (error) {
        lb_entry_destroy(entry);
    }
    json_destroy(json);
    return error;
}
