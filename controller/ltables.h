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

#ifndef CONTROLLER_LTABLES_H
#define CONTROLLER_LTABLES_H 1

/* The OpenFlow tables behind actions, filled from southbound tables: MAC
 * bindings (66, 67), load-balancer hairpin (68...70), FDB (71, 72), port
 * security (73...75).  One file each: mac-bind.c, lb/hairpin.c, port-sec.c. */

struct module;
extern const struct module mac_bind_module; /* MAC_Binding, FDB, ... */
extern const struct module lb_hairpin_module;
extern const struct module port_sec_module;

#endif /* controller/ltables.h */
