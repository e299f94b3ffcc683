/* SPDX-License-Identifier: Apache-2.0 */

#ifndef OVN_LEX_H
#define OVN_LEX_H 1

/* Lexer for the logical-flow language
 * ===================================
 *
 * What?
 * -----
 *
 * A logical flow's match and actions are text, in the language that the
 * Logical_Flow table of ovn-sb(5) documents.  lex_scan() turns a text into an
 * array of tokens at once.  A parser walks over the array with a "struct
 * lex_cursor", whose functions come in three strengths:
 *
 *   - "is": looks at the current token, consumes nothing.
 *   - "accept": consumes the current token if it is the one asked for.
 *   - "expect": like accept, but anything else is a syntax error.
 *
 * The first error of a cursor sticks: from then on the current token is
 * LEX_END, so that a parser may look at the error only once, at its end.
 *
 * Thread-safety
 * -------------
 *
 * Token arrays and cursors belong to one thread at a time.  There is no
 * other state. */

#include <netinet/in.h>
#include <stdbool.h>
#include "openvswitch/dynamic-string.h"
#include "openvswitch/meta-flow.h"

enum lex_type {
    LEX_END,                    /* End of the text. */
    LEX_BAD,                    /* Not a token; 'text' is the message. */

    /* Tokens that carry 'text'. */
    LEX_WORD,                   /* ip4.src */
    LEX_STRING,                 /* "sw0-port1" (unescaped, no quotes) */
    LEX_ADDRESS_SET,            /* $as1 (without the $) */
    LEX_PORT_GROUP,             /* @pg1 (without the @) */
    LEX_TEMPLATE,               /* ^var1 (without the ^) */

    /* Tokens that carry 'value', 'format' and, if masked, 'mask'. */
    LEX_INTEGER,                /* 1 0xff 10.0.0.1 ::1 00:00:00:00:00:01 */
    LEX_MASKED,                 /* 0/1 10.0.0.0/8 ::/64 */

    LEX_LPAREN, LEX_RPAREN, LEX_LSQUARE, LEX_RSQUARE, LEX_LCURLY, LEX_RCURLY,
    LEX_EQ, LEX_NE, LEX_LT, LEX_LE, LEX_GT, LEX_GE,
    LEX_NOT, LEX_AND, LEX_OR,
    LEX_ELLIPSIS, LEX_COMMA, LEX_SEMICOLON, LEX_COLON,
    LEX_ASSIGN,                 /* = */
    LEX_EXCHANGE,               /* <-> */
    LEX_DECREMENT,              /* -- */
    LEX_HYPHEN,                 /* - */
};

/* How a constant was written, so that formatting gives it back. */
enum lex_format {
    LEX_DECIMAL,
    LEX_HEXADECIMAL,
    LEX_IPV4,
    LEX_IPV6,
    LEX_ETHERNET,
};

struct lex_token {
    enum lex_type type;
    enum lex_format format;
    const char *start;          /* Where it is in the scanned text... */
    size_t length;              /* ...and its length there, in bytes. */
    char *text;                 /* NULL if the type carries none. */

    /* Right-justified, network byte order.  Indeterminate for token types
     * that do not carry them. */
    union mf_subvalue value;
    union mf_subvalue mask;
};

/* Most texts fit into the stubs, which spare them the allocator.  A "struct
 * lex_tokens" cannot be moved, because it may point into itself. */
struct lex_tokens {
    struct lex_token *tokens;   /* The last one is always LEX_END. */
    size_t n, allocated;
    char *pool;                 /* Holds the tokens' 'text's. */

    struct lex_token tokens_stub[24];
    char pool_stub[512];
};

/* Scans 'text', which must outlive '*tokens'.  Always succeeds: what is not a
 * token becomes LEX_BAD.  The caller must lex_tokens_destroy() the result. */
void lex_scan(const char *text, struct lex_tokens *tokens);
void lex_tokens_destroy(struct lex_tokens *);

/* Appends text to 's' that would scan as 'token' (nothing for LEX_END, and
 * error("MESSAGE") for LEX_BAD). */
void lex_token_format(const struct lex_token *token, struct ds *s);

/* Appends 'value' to 's'; with 'mask' nonnull, as a masked constant. */
void lex_constant_format(const union mf_subvalue *value,
                         const union mf_subvalue *mask, enum lex_format,
                         struct ds *s);

/* Appends 'string' to 's' in quotes, with escapes. */
void lex_string_format(const char *string, struct ds *s);

/* A copy of 'text' (caller frees) in which each "^name" outside of strings and
 * comments has been replaced by 'value(name, aux)', or by the bare name if
 * that is NULL.  What is put in is not expanded again.  NULL if 'text' refers
 * to no variable, which is nearly always. */
char *lex_expand_templates(const char *text,
                           const char *(*value)(const char *name, void *aux),
                           void *aux);

/* Number of bits in 'value', up to and including its most significant 1. */
unsigned int lex_value_width(const union mf_subvalue *value);

/* Whether 'word' scans as a single LEX_WORD. */
bool lex_is_valid_word(const char *word);

struct lex_cursor {
    const struct lex_tokens *tokens; /* Borrowed. */
    size_t at;
    char *error;                /* First error, or NULL; owned. */
};

void lex_cursor_init(struct lex_cursor *, const struct lex_tokens *);
void lex_cursor_destroy(struct lex_cursor *);

/* The current token, and the one after it. */
const struct lex_token *lex_current(const struct lex_cursor *);
const struct lex_token *lex_next(const struct lex_cursor *);
void lex_advance(struct lex_cursor *);

/* Whether the current token is a decimal constant of at most INT_MAX. */
bool lex_is_int(const struct lex_cursor *);
bool lex_is(const struct lex_cursor *, enum lex_type);
bool lex_is_word(const struct lex_cursor *, const char *word);
bool lex_accept(struct lex_cursor *, enum lex_type);
bool lex_accept_word(struct lex_cursor *, const char *word);
bool lex_expect(struct lex_cursor *, enum lex_type);
bool lex_expect_int(struct lex_cursor *, int *value); /* 0 ... INT_MAX. */
bool lex_expect_end(struct lex_cursor *);

/* What errors say of a word that is not known; whoever has to know that it is
 * this, looks for it. */
#define LEX_NO_ACTION "expecting action."
#define LEX_NO_FIELD "expecting field name."

/* Records an error, unless there is one already.  lex_syntax_error() puts
 * "Syntax error at `TOKEN' " or "Syntax error at end of input " in front; if
 * the current token is LEX_BAD, its message is the error instead. */
void lex_error(struct lex_cursor *, const char *message, ...)
    OVS_PRINTF_FORMAT(2, 3);
void lex_syntax_error(struct lex_cursor *, const char *message, ...)
    OVS_PRINTF_FORMAT(2, 3);

/* Takes the error out of the cursor; the caller frees it.  NULL if none. */
char *lex_steal_error(struct lex_cursor *);

#endif /* ovn/lex.h */
