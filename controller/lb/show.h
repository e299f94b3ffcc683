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


#ifndef CONTROLLER_LB_SHOW_H
#define CONTROLLER_LB_SHOW_H 1

/* lb-local/list and lb-local/show
 * ===============================
 *
 * To look inside of the load balancers that keep to the chassis: who asked for
 * it, which backends are local and why, the groups in the switch that follow
 * from it, and what went through their buckets.
 *
 * What is shown is what the group units have decided from (lb/config.h,
 * lb/local.h); nothing is decided here.  Counters are the switch's, which
 * takes a moment to answer. */

void lb_show_register_commands(void);

struct module;
extern const struct module lb_show_module;

#endif /* controller/lb/show.h */
