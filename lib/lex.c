/* SPDX-License-Identifier: Apache-2.0 */

/* Lexer: see ovn/lex.h for what it is.
 *
 * lex_scan() goes over the text once.  Each scan_*() function is given the
 * position of a token's first byte, fills in the token, and returns the
 * position after its last byte.
 *
 * Words and strings are put into one buffer that belongs to the token array,
 * because most texts have a dozen of them and are scanned tens of thousands
 * of times.  Only messages of LEX_BAD tokens are allocated one by one. */

#include <config.h>
#include "ovn/lex.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "byte-order.h"
#include "openvswitch/json.h"
#include "openvswitch/packets.h"
#include "openvswitch/types.h"
#include "openvswitch/util.h"
#include "packets.h"
#include "util.h"

/* Where the low-order 8, 4 or 16 bytes of a subvalue are. */
#define VALUE_BYTES (sizeof(union mf_subvalue))

static const char *const spellings[] = {
    [LEX_LPAREN] = "(",
    [LEX_RPAREN] = ")",
    [LEX_LSQUARE] = "[",
    [LEX_RSQUARE] = "]",
    [LEX_LCURLY] = "{",
    [LEX_RCURLY] = "}",
    [LEX_EQ] = "==",
    [LEX_NE] = "!=",
    [LEX_LT] = "<",
    [LEX_LE] = "<=",
    [LEX_GT] = ">",
    [LEX_GE] = ">=",
    [LEX_NOT] = "!",
    [LEX_AND] = "&&",
    [LEX_OR] = "||",
    [LEX_ELLIPSIS] = "..",
    [LEX_COMMA] = ",",
    [LEX_SEMICOLON] = ";",
    [LEX_COLON] = ":",
    [LEX_ASSIGN] = "=",
    [LEX_EXCHANGE] = "<->",
    [LEX_DECREMENT] = "--",
    [LEX_HYPHEN] = "-",
};

/* The spelling of a token type without 'text' or 'value', else NULL. */
static const char *
spelling_of(enum lex_type type)
{
    return type < ARRAY_SIZE(spellings) ? spellings[type] : NULL;
}

/* Character classes.  The C library's depend on the locale. */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
is_word_start(char c)
{
    return is_alpha(c) || c == '_';
}

static bool
is_word_rest(char c)
{
    return is_word_start(c) || is_digit(c) || c == '.';
}

/* Errors. */

static void OVS_PRINTF_FORMAT(2, 3)
set_bad(struct lex_token *token, const char *format, ...)
{
    va_list args;

    token->type = LEX_BAD;
    va_start(args, format);
    token->text = xvasprintf(format, args);
    va_end(args);
}

/* Words and strings. */

/* Copies the 'n' bytes at 's' into the pool as the text of 'token'. */
static void
set_text(struct lex_token *token, enum lex_type type, const char *s, size_t n,
         char **pool)
{
    token->type = type;
    token->text = *pool;
    memcpy(*pool, s, n);
    (*pool)[n] = '\0';
    *pool += n + 1;
}

static const char *
scan_word(const char *p, enum lex_type type, struct lex_token *token,
          char **pool)
{
    const char *end = p;
    while (is_word_rest(*end)) {
        end++;
    }
    set_text(token, type, p, end - p, pool);
    return end;
}

/* "$set", "@group", "^variable". */
static const char *
scan_reference(const char *p, enum lex_type type, struct lex_token *token,
               char **pool)
{
    if (!is_word_start(p[1])) {
        set_bad(token, "`%c' must be followed by a valid identifier.", *p);
        return p + 1;
    }
    return scan_word(p + 1, type, token, pool);
}

static const char *
scan_string(const char *p, struct lex_token *token, char **pool)
{
    const char *start = ++p;
    bool escapes = false;

    for (; *p != '"'; p++) {
        if (*p == '\\' && p[1]) {
            escapes = true;
            p++;
        } else if (!*p || *p == '\\') {
            set_bad(token, "Input ends inside quoted string.");
            return p + strlen(p);
        }
    }

    if (!escapes) {
        set_text(token, LEX_STRING, start, p - start, pool);
    } else {
        char *text;

        if (json_string_unescape(start, p - start, &text)) {
            /* Unescaping never makes a string longer. */
            set_text(token, LEX_STRING, text, strlen(text), pool);
        } else {
            set_bad(token, "%s", text);
        }
        free(text);
    }
    return p + 1;
}

/* Numbers. */

unsigned int
lex_value_width(const union mf_subvalue *value)
{
    for (size_t i = 0; i < ARRAY_SIZE(value->be64); i++) {
        if (value->be64[i]) {
            return ((ARRAY_SIZE(value->be64) - i) * 64
                    - raw_clz64(ntohll(value->be64[i])));
        }
    }
    return 0;
}

/* Copies the 'n' bytes of 'bytes' to the low-order end of 'value'. */
static void
set_low_bytes(union mf_subvalue *value, const void *bytes, size_t n)
{
    memset(value, 0, sizeof *value);
    memcpy(&value->u8[VALUE_BYTES - n], bytes, n);
}

/* Returns the end of the number that starts at 'p': letters and digits, ":",
 * and "." that are not part of "..".  A colon after a complete dotted quad is
 * not part of it, so that "10.0.0.1:80" is three tokens. */
static const char *
number_end(const char *p)
{
    int dots = 0;

    for (;; p++) {
        if (*p == '.') {
            if (p[1] == '.') {
                return p;
            }
            dots++;
        } else if (*p == ':') {
            if (dots >= 3) {
                return p;
            }
        } else if (!is_alpha(*p) && !is_digit(*p)) {
            return p;
        }
    }
}

static bool
scan_hex(const char *p, size_t n, struct lex_token *token,
         union mf_subvalue *value)
{
    token->format = LEX_HEXADECIMAL;

    p += 2;
    n -= 2;
    if (!n || !is_hex(*p)) {
        set_bad(token, "Hex digits expected following 0x.");
        return false;
    }
    while (n > 1 && *p == '0') {
        p++;
        n--;
    }

    memset(value, 0, sizeof *value);
    for (size_t i = 0; i < n; i++) {
        size_t nibble = n - 1 - i;

        if (!is_hex(p[i])) {
            set_bad(token, "Invalid syntax in hexadecimal constant.");
            return false;
        }
        if (nibble / 2 >= VALUE_BYTES) {
            set_bad(token, "Hexadecimal constant requires more than "
                    "%"PRIuSIZE" bits.", 8 * VALUE_BYTES);
            return false;
        }
        value->u8[VALUE_BYTES - 1 - nibble / 2]
            |= hexit_value(p[i]) << (nibble % 2 ? 4 : 0);
    }
    return true;
}

static bool
scan_decimal(const char *p, size_t n, struct lex_token *token,
             union mf_subvalue *value)
{
    unsigned long long int number = 0;

    token->format = LEX_DECIMAL;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(p[i])) {
            set_bad(token, "Invalid numeric constant.");
            return false;
        }
    }
    if (n > 1 && *p == '0') {
        set_bad(token, "Decimal constants must not have leading zeros.");
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned int digit = p[i] - '0';
        if (number > (UINT64_MAX - digit) / 10) {
            set_bad(token, "Decimal constants must be less than 2**64.");
            return false;
        }
        number = number * 10 + digit;
    }

    ovs_be64 be = htonll(number);
    set_low_bytes(value, &be, sizeof be);
    return true;
}

/* Scans "xx:xx:xx:xx:xx:xx".  False if it is something else. */
static bool
scan_ethernet(const char *p, size_t n, union mf_subvalue *value)
{
    struct eth_addr ea;

    if (n != 17) {
        return false;
    }
    for (int i = 0; i < 6; i++) {
        if (!is_hex(p[i * 3]) || !is_hex(p[i * 3 + 1])
            || (i < 5 && p[i * 3 + 2] != ':')) {
            return false;
        }
        ea.ea[i] = hexit_value(p[i * 3]) * 16 + hexit_value(p[i * 3 + 1]);
    }
    set_low_bytes(value, &ea, sizeof ea);
    return true;
}

static bool
scan_address(const char *p, size_t n, struct lex_token *token,
             union mf_subvalue *value)
{
    char s[INET6_ADDRSTRLEN + 1];
    struct in6_addr ip6;
    ovs_be32 ip4;

    if (scan_ethernet(p, n, value)) {
        token->format = LEX_ETHERNET;
        return true;
    }

    if (n < sizeof s) {
        memcpy(s, p, n);
        s[n] = '\0';
        if (inet_pton(AF_INET6, s, &ip6) == 1) {
            token->format = LEX_IPV6;
            set_low_bytes(value, &ip6, sizeof ip6);
            return true;
        } else if (inet_pton(AF_INET, s, &ip4) == 1) {
            token->format = LEX_IPV4;
            set_low_bytes(value, &ip4, sizeof ip4);
            return true;
        }
    }
    set_bad(token, "Invalid numeric constant.");
    return false;
}

/* Scans one unmasked number at 'p' into '*value' and 'token->format'.  On
 * error makes 'token' bad.  Returns the end of the number. */
static const char *
scan_plain_number(const char *p, struct lex_token *token,
                  union mf_subvalue *value)
{
    const char *end = number_end(p);
    size_t n = end - p;

    if (n >= 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
        scan_hex(p, n, token, value);
    } else if (memchr(p, ':', n) || memchr(p, '.', n)) {
        scan_address(p, n, token, value);
    } else {
        scan_decimal(p, n, token, value);
    }
    return end;
}

static bool
is_number_start(const char *p)
{
    if (is_digit(*p) || (p[0] == ':' && p[1] == ':')) {
        return true;
    }
    if (!is_hex(*p)) {
        return false;
    }
    while (is_hex(*p)) {
        p++;
    }
    return *p == ':';
}

/* Sets 'token->mask' to the mask that a decimal 'mask' means for a value
 * written as 'token->format': a prefix length for IP addresses.  False if it
 * is too big to be one. */
static bool
set_prefix_mask(struct lex_token *token, const union mf_subvalue *mask)
{
    unsigned int max = token->format == LEX_IPV4 ? 32 : 128;
    ovs_be64 be;

    memcpy(&be, &mask->u8[VALUE_BYTES - sizeof be], sizeof be);
    if (ntohll(be) > max) {
        return false;
    }

    int plen = ntohll(be);
    if (token->format == LEX_IPV4) {
        ovs_be32 ip4 = be32_prefix_mask(plen);
        set_low_bytes(&token->mask, &ip4, sizeof ip4);
    } else {
        struct in6_addr ip6 = ipv6_create_mask(plen);
        set_low_bytes(&token->mask, &ip6, sizeof ip6);
    }
    return true;
}

static const char *
scan_mask(const char *p, struct lex_token *token)
{
    enum lex_format format = token->format;
    union mf_subvalue mask;

    if (!is_number_start(p)) {
        set_bad(token, "Integer constant expected.");
        return p;
    }
    p = scan_plain_number(p, token, &mask);
    if (token->type == LEX_BAD) {
        return p;
    }

    /* "0" is a number in either notation. */
    enum lex_format mask_format = token->format;
    if (mask_format == LEX_HEXADECIMAL && format == LEX_DECIMAL
        && !lex_value_width(&token->value)) {
        format = LEX_HEXADECIMAL;
    }
    token->format = format;
    if (mask_format == format) {
        token->mask = mask;
    } else if ((format != LEX_IPV4 && format != LEX_IPV6)
               || mask_format != LEX_DECIMAL
               || !set_prefix_mask(token, &mask)) {
        set_bad(token, "Value and mask have incompatible formats.");
        return p;
    }

    for (size_t i = 0; i < VALUE_BYTES; i++) {
        token->value.u8[i] &= token->mask.u8[i];
    }
    token->type = LEX_MASKED;
    return p;
}

static const char *
scan_number(const char *p, struct lex_token *token)
{
    token->type = LEX_INTEGER;
    p = scan_plain_number(p, token, &token->value);
    if (token->type == LEX_INTEGER && *p == '/') {
        p = scan_mask(p + 1, token);
    }
    return p;
}

/* Punctuation and all else. */

/* Skips blanks and comments.  Returns NULL, after making 'token' bad, if a
 * comment does not end. */
static const char *
skip_blanks(const char *p, struct lex_token *token)
{
    for (;;) {
        if (*p == ' ' || (*p >= '\t' && *p <= '\r')) {
            p++;
        } else if (p[0] == '/' && p[1] == '/') {
            p += strcspn(p, "\n");
        } else if (p[0] == '/' && p[1] == '*') {
            const char *end = strstr(p + 2, "*/");
            if (!end) {
                token->start = p;
                set_bad(token, "`/*' without matching `*/'.");
                return NULL;
            }
            p = end + 2;
        } else {
            return p;
        }
    }
}

/* Returns the type of the longest spelling that 'p' starts with, or LEX_BAD.
 * There is one for every token that 'spellings' has. */
static enum lex_type
punctuation_type(const char *p)
{
    switch (*p) {
    case '(': return LEX_LPAREN;
    case ')': return LEX_RPAREN;
    case '[': return LEX_LSQUARE;
    case ']': return LEX_RSQUARE;
    case '{': return LEX_LCURLY;
    case '}': return LEX_RCURLY;
    case ',': return LEX_COMMA;
    case ';': return LEX_SEMICOLON;
    case ':': return LEX_COLON;
    case '=': return p[1] == '=' ? LEX_EQ : LEX_ASSIGN;
    case '!': return p[1] == '=' ? LEX_NE : LEX_NOT;
    case '>': return p[1] == '=' ? LEX_GE : LEX_GT;
    case '<': return (p[1] == '=' ? LEX_LE
                      : p[1] == '-' && p[2] == '>' ? LEX_EXCHANGE : LEX_LT);
    case '&': return p[1] == '&' ? LEX_AND : LEX_BAD;
    case '|': return p[1] == '|' ? LEX_OR : LEX_BAD;
    case '.': return p[1] == '.' ? LEX_ELLIPSIS : LEX_BAD;
    case '-': return p[1] == '-' ? LEX_DECREMENT : LEX_HYPHEN;
    default: return LEX_BAD;
    }
}

static const char *
scan_punctuation(const char *p, struct lex_token *token)
{
    token->type = punctuation_type(p);
    if (token->type != LEX_BAD) {
        return p + strlen(spellings[token->type]);
    }

    switch (*p) {
    case '/':
        set_bad(token, "`/' is only valid as part of `//' or `/*'.");
        break;
    case '.':
        set_bad(token, "`.' is only valid as part of `..' or a number.");
        break;
    case '&':
    case '|':
        set_bad(token, "`%c' is only valid as part of `%c%c'.", *p, *p, *p);
        break;
    default:
        if (*p > ' ' && *p < 0x7f) {
            set_bad(token, "Invalid character `%c' in input.", *p);
        } else {
            set_bad(token, "Invalid byte 0x%02x in input.",
                    (unsigned char) *p);
        }
        break;
    }
    return p + 1;
}

/* Scans the token at or after 'p', which is LEX_END if there is none. */
static const char *
scan_token(const char *p, struct lex_token *token, char **pool)
{
    const char *start = skip_blanks(p, token);
    if (!start) {
        return p + strlen(p);
    }
    token->start = start;

    if (!*start) {
        token->type = LEX_END;
        return start;
    } else if (is_number_start(start)) {
        return scan_number(start, token);
    } else if (is_word_start(*start)) {
        return scan_word(start, LEX_WORD, token, pool);
    }

    switch (*start) {
    case '"':
        return scan_string(start, token, pool);
    case '$':
        return scan_reference(start, LEX_ADDRESS_SET, token, pool);
    case '@':
        return scan_reference(start, LEX_PORT_GROUP, token, pool);
    case '^':
        return scan_reference(start, LEX_TEMPLATE, token, pool);
    default:
        return scan_punctuation(start, token);
    }
}

static void
grow_tokens(struct lex_tokens *tokens)
{
    bool was_stub = tokens->tokens == tokens->tokens_stub;

    tokens->tokens = x2nrealloc(was_stub ? NULL : tokens->tokens,
                                &tokens->allocated, sizeof *tokens->tokens);
    if (was_stub) {
        memcpy(tokens->tokens, tokens->tokens_stub,
               sizeof tokens->tokens_stub);
    }
}

void
lex_scan(const char *text, struct lex_tokens *tokens)
{
    size_t length = strlen(text);

    /* A token of N bytes needs at most N + 1 bytes of pool. */
    size_t pool_size = 2 * length + 1;
    tokens->pool = (pool_size <= sizeof tokens->pool_stub
                    ? tokens->pool_stub : xmalloc(pool_size));
    tokens->allocated = ARRAY_SIZE(tokens->tokens_stub);
    tokens->tokens = tokens->tokens_stub;
    tokens->n = 0;

    char *pool = tokens->pool;
    struct lex_token *token;
    do {
        if (tokens->n >= tokens->allocated) {
            grow_tokens(tokens);
        }
        token = &tokens->tokens[tokens->n++];
        token->text = NULL;
        token->format = LEX_DECIMAL;
        text = scan_token(text, token, &pool);
        token->length = text - token->start;
    } while (token->type != LEX_END);
}

void
lex_tokens_destroy(struct lex_tokens *tokens)
{
    for (size_t i = 0; i < tokens->n; i++) {
        if (tokens->tokens[i].type == LEX_BAD) {
            free(tokens->tokens[i].text);
        }
    }
    if (tokens->tokens != tokens->tokens_stub) {
        free(tokens->tokens);
    }
    if (tokens->pool != tokens->pool_stub) {
        free(tokens->pool);
    }
}

bool
lex_is_valid_word(const char *word)
{
    if (!is_word_start(*word) || is_number_start(word)) {
        return false;
    }
    while (is_word_rest(*word)) {
        word++;
    }
    return !*word;
}

/* Formatting. */

void
lex_string_format(const char *string, struct ds *s)
{
    json_string_escape(string, s);
}

static void
format_decimal(const union mf_subvalue *value, struct ds *s)
{
    ovs_be64 be;

    memcpy(&be, &value->u8[VALUE_BYTES - sizeof be], sizeof be);
    ds_put_format(s, "%"PRIu64, ntohll(be));
}

static void
format_value(const union mf_subvalue *value, enum lex_format format,
             struct ds *s)
{
    switch (format) {
    case LEX_DECIMAL:
        format_decimal(value, s);
        break;
    case LEX_HEXADECIMAL:
        ds_put_hex(s, value->u8, VALUE_BYTES); /* Zero is just "0". */
        break;
    case LEX_IPV4:
        ds_put_format(s, IP_FMT,
                      IP_ARGS(get_unaligned_be32(
                          ALIGNED_CAST(const ovs_be32 *,
                                       &value->u8[VALUE_BYTES - 4]))));
        break;
    case LEX_IPV6: {
        struct in6_addr ip6;
        memcpy(&ip6, &value->u8[VALUE_BYTES - sizeof ip6], sizeof ip6);
        ipv6_format_addr(&ip6, s);
        break;
    }
    case LEX_ETHERNET: {
        struct eth_addr ea;
        memcpy(&ea, &value->u8[VALUE_BYTES - sizeof ea], sizeof ea);
        ds_put_format(s, ETH_ADDR_FMT, ETH_ADDR_ARGS(ea));
        break;
    }
    }
}

/* If 'mask' is that of a prefix of an address in 'format', returns the length
 * of the prefix, otherwise -1. */
static int
prefix_length(const union mf_subvalue *mask, enum lex_format format)
{
    if (format == LEX_IPV4) {
        ovs_be32 ip4;
        memcpy(&ip4, &mask->u8[VALUE_BYTES - sizeof ip4], sizeof ip4);
        return ip_is_cidr(ip4) ? ip_count_cidr_bits(ip4) : -1;
    } else if (format == LEX_IPV6) {
        struct in6_addr ip6;
        memcpy(&ip6, &mask->u8[VALUE_BYTES - sizeof ip6], sizeof ip6);
        return ipv6_is_cidr(&ip6) ? ipv6_count_cidr_bits(&ip6) : -1;
    } else {
        return -1;
    }
}

void
lex_constant_format(const union mf_subvalue *value,
                    const union mf_subvalue *mask, enum lex_format format,
                    struct ds *s)
{
    format_value(value, format, s);
    if (mask) {
        int plen = prefix_length(mask, format);

        ds_put_char(s, '/');
        if (plen >= 0) {
            ds_put_format(s, "%d", plen);
        } else {
            format_value(mask, format, s);
        }
    }
}

void
lex_token_format(const struct lex_token *token, struct ds *s)
{
    switch (token->type) {
    case LEX_END:
        break;
    case LEX_BAD:
        ds_put_cstr(s, "error(");
        lex_string_format(token->text, s);
        ds_put_char(s, ')');
        break;
    case LEX_WORD:
        ds_put_cstr(s, token->text);
        break;
    case LEX_STRING:
        lex_string_format(token->text, s);
        break;
    case LEX_ADDRESS_SET:
        ds_put_format(s, "$%s", token->text);
        break;
    case LEX_PORT_GROUP:
        ds_put_format(s, "@%s", token->text);
        break;
    case LEX_TEMPLATE:
        ds_put_format(s, "^%s", token->text);
        break;
    case LEX_INTEGER:
        lex_constant_format(&token->value, NULL, token->format, s);
        break;
    case LEX_MASKED:
        lex_constant_format(&token->value, &token->mask, token->format, s);
        break;
    default:
        ds_put_cstr(s, spelling_of(token->type));
        break;
    }
}

/* Templates. */

char *
lex_expand_templates(const char *text,
                     const char *(*value)(const char *name, void *aux),
                     void *aux)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    const char *copied = text;
    struct lex_tokens tokens;

    if (!strchr(text, '^')) {
        return NULL;
    }

    lex_scan(text, &tokens);
    for (size_t i = 0; i < tokens.n; i++) {
        const struct lex_token *token = &tokens.tokens[i];

        if (token->type == LEX_TEMPLATE) {
            const char *v = value(token->text, aux);

            ds_put_buffer(&s, copied, token->start - copied);
            ds_put_cstr(&s, v ? v : token->text);
            copied = token->start + token->length;
        }
    }
    lex_tokens_destroy(&tokens);

    if (copied == text) {
        return NULL;
    }
    ds_put_cstr(&s, copied);
    return ds_steal_cstr(&s);
}

/* Cursor. */

void
lex_cursor_init(struct lex_cursor *c, const struct lex_tokens *tokens)
{
    *c = (struct lex_cursor) { .tokens = tokens };
}

void
lex_cursor_destroy(struct lex_cursor *c)
{
    free(c->error);
}

const struct lex_token *
lex_current(const struct lex_cursor *c)
{
    return &c->tokens->tokens[c->at];
}

const struct lex_token *
lex_next(const struct lex_cursor *c)
{
    return &c->tokens->tokens[MIN(c->at + 1, c->tokens->n - 1)];
}

void
lex_advance(struct lex_cursor *c)
{
    if (c->at + 1 < c->tokens->n) {
        c->at++;
    }
}

bool
lex_is(const struct lex_cursor *c, enum lex_type type)
{
    return lex_current(c)->type == type;
}

bool
lex_is_word(const struct lex_cursor *c, const char *word)
{
    return lex_is(c, LEX_WORD) && !strcmp(lex_current(c)->text, word);
}

bool
lex_is_int(const struct lex_cursor *c)
{
    const struct lex_token *token = lex_current(c);
    return (token->type == LEX_INTEGER && token->format == LEX_DECIMAL
            && lex_value_width(&token->value) < CHAR_BIT * sizeof(int));
}

bool
lex_accept(struct lex_cursor *c, enum lex_type type)
{
    if (lex_is(c, type)) {
        lex_advance(c);
        return true;
    }
    return false;
}

bool
lex_accept_word(struct lex_cursor *c, const char *word)
{
    if (lex_is_word(c, word)) {
        lex_advance(c);
        return true;
    }
    return false;
}

bool
lex_expect(struct lex_cursor *c, enum lex_type type)
{
    if (lex_accept(c, type)) {
        return true;
    }
    lex_syntax_error(c, "expecting `%s'.", spelling_of(type));
    return false;
}

bool
lex_expect_int(struct lex_cursor *c, int *value)
{
    if (lex_is_int(c)) {
        ovs_be32 be;

        memcpy(&be, &lex_current(c)->value.u8[VALUE_BYTES - sizeof be],
               sizeof be);
        *value = ntohl(be);
        lex_advance(c);
        return true;
    }
    *value = 0;
    lex_syntax_error(c, "expecting small integer.");
    return false;
}

bool
lex_expect_end(struct lex_cursor *c)
{
    if (lex_is(c, LEX_END)) {
        return true;
    }
    lex_syntax_error(c, "expecting end of input.");
    return false;
}

/* Makes 'error', which is now the cursor's, its error, if it has none. */
static void
set_error(struct lex_cursor *c, char *error)
{
    if (!c->error) {
        c->error = error;
        c->at = c->tokens->n - 1;
    } else {
        free(error);
    }
}

void
lex_error(struct lex_cursor *c, const char *message, ...)
{
    va_list args;

    va_start(args, message);
    set_error(c, xvasprintf(message, args));
    va_end(args);
}

void
lex_syntax_error(struct lex_cursor *c, const char *message, ...)
{
    const struct lex_token *token = lex_current(c);
    struct ds s = DS_EMPTY_INITIALIZER;

    if (token->type == LEX_BAD) {
        ds_put_cstr(&s, token->text);
    } else {
        va_list args;

        ds_put_cstr(&s, "Syntax error at ");
        if (token->type == LEX_END) {
            ds_put_cstr(&s, "end of input");
        } else {
            ds_put_format(&s, "`%.*s'", (int) token->length, token->start);
        }
        ds_put_char(&s, ' ');
        va_start(args, message);
        ds_put_format_valist(&s, message, args);
        va_end(args);
    }
    set_error(c, ds_steal_cstr(&s));
}

char *
lex_steal_error(struct lex_cursor *c)
{
    char *error = c->error;
    c->error = NULL;
    return error;
}
