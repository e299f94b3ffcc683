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


#ifndef CONTROLLER_LB_VIPS_H
#define CONTROLLER_LB_VIPS_H 1

/* A southbound Load_Balancer's VIPs and backends, as they are on this
 * chassis: those of one with options:template=true are made of variables of
 * the Chassis_Template_Var table. */

#include <stddef.h>

struct inc_unit;
struct lb_vip;
struct load_balancer;

/* As lb_vips_parse(); 'unit', of STAGE_LB or later, is subscribed to the
 * variables that 'lb' mentions. */
void lb_vips_read(struct inc_unit *unit, const struct load_balancer *lb,
                  struct lb_vip **, size_t *n, char **bad);

#endif /* controller/lb-vips.h */
