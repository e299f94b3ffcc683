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


#ifndef CONTROLLER_INJECT_PKT_H
#define CONTROLLER_INJECT_PKT_H 1

/* inject-pkt MICROFLOW: composes the packet that the expression describes and
 * has the switch treat it as if it had come from the interface of its
 * "inport", which must be on this chassis. */

void inject_pkt_register_commands(void);

struct module;
extern const struct module inject_pkt_module;

#endif /* controller/inject-pkt.h */
