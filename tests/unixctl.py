#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Control sockets of daemons, as ovs-appctl uses them."""

import json
import socket
import sys


class Daemon:
    """What listens to a control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.decoder = json.JSONDecoder()

    def call(self, method, words):
        """Has the daemon do 'method'.  Returns the result and the error, one
        of which is empty."""
        self.socket.sendall(json.dumps(
            {'id': 0, 'method': method, 'params': words}).encode())
        text = ''
        while True:
            more = self.socket.recv(1 << 20).decode()
            if not more:
                sys.exit('the daemon is gone: %s %s' % (method, words))
            text += more
            try:
                reply = self.decoder.decode(text)
            except json.JSONDecodeError:
                continue
            return reply.get('result') or '', reply.get('error') or ''
