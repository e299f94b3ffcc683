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

#ifndef TRACE_PORT_SEC_H
#define TRACE_PORT_SEC_H 1

/* Port security
 * =============
 *
 * Port_Binding.port_security lists the addresses that may be used behind a
 * port.  The controller turns it into OpenFlow flows; here is what these say
 * of a packet.  See ovn-nb(5), Logical_Switch_Port table. */

#include <stdbool.h>

struct flow;
struct trace_port;

/* Whether 'packet' may come in ('is_in') or go out through 'port'. */
bool trace_port_sec_allows(const struct trace_port *port,
                           const struct flow *packet, bool is_in);

#endif /* utilities/trace-port-sec.h */
