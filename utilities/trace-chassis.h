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

#ifndef TRACE_CHASSIS_H
#define TRACE_CHASSIS_H 1

#include <stdbool.h>

struct ovsdb_idl;
struct trace_chassis;
struct trace_port;

void trace_chassis_monitor(struct ovsdb_idl *);
const char *trace_chassis_name(const struct trace_chassis *);
const char *trace_chassis_template_var(const struct trace_chassis *,
                                       const char *name);
bool trace_chassis_is_resident(const struct trace_chassis *,
                               const struct trace_port *);

#endif
