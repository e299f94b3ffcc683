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


#ifndef CONTROLLER_COMMANDS_H
#define CONTROLLER_COMMANDS_H 1

/* Commands that operators' tools expect of an ovn-controller, but that belong
 * to no module of ours:
 *
 *   - lflow-cache/flush (and its old name flush-lflow-cache) and
 *     lflow-cache/show-stats: what a logical flow was parsed into is part of
 *     its unit and is not a cache that could be limited or flushed.  The
 *     former does nothing, the latter says that there is none.
 *
 *   - debug/ignore-startup-delay: nothing is delayed at startup, because the
 *     switch is not cleared.
 *
 *   - debug/dump-local-template-vars. */

struct module;
extern const struct module commands_module;

#endif /* controller/commands.h */
