/*
 * Licensed under the Apache License, Version 2.0 (the "License");
 * you may not use this file except in compliance with the License.
 * You may obtain a copy of the License at:
 *
 *     http://www.apache.org/licenses/LICENSE-2.0
 *
 * Unless required by applicable law or agreed to in writing, software
 * distributed under the License is distributed on an "AS IS" BASIS,
 * WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
 * See the License for the specific language governing permissions and
 * limitations under the License.
 */

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
