/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_IDL_ROW_H
#define CONTROLLER_IDL_ROW_H 1

#include "ovsdb-idl-provider.h"

/* Whether 'row', found by its UUID, is there.  The IDL's ..._get_for_uuid()
 * also find what is left of a row that has been deleted, by the server or in
 * the transaction at hand, as long as other rows refer to it: its columns must
 * not be looked at. */
static inline bool
idl_row_exists(const struct ovsdb_idl_row *row)
{
    return row->new_datum != NULL;
}

/* 'ROW', whose evaluation has no side effects, or NULL if it is NULL or not
 * there. */
#define IDL_ROW_IF_EXISTS(ROW)                                          \
    ((ROW) && idl_row_exists(&(ROW)->header_) ? (ROW) : NULL)

#endif /* controller/idl-row.h */
