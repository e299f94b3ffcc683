/* SPDX-License-Identifier: Apache-2.0 */

#ifndef CONTROLLER_NB_CFG_H
#define CONTROLLER_NB_CFG_H 1

/* nb_cfg reporting
 * ================
 *
 * Reports that the switch is as SB_Global.nb_cfg stands for, for "ovn-nbctl
 * --wait=hv": in Chassis_Private.nb_cfg and nb_cfg_timestamp, and locally in
 * Bridge.external_ids:ovn-nb-cfg and ovn-nb-cfg-ts.  A value of nb_cfg is
 * reported when ofctrl has reached a fence that was taken after the engine had
 * run over a complete snapshot with that value.
 *
 * Also writes Bridge.external_ids:ovn-startup-ts. */

struct module;
extern const struct module nb_cfg_module;

#endif /* controller/nb-cfg.h */
