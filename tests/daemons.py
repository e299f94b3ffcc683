#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Running programs, and talking to daemons and databases.

What all Python of the tests has in common.  JSON-RPC (RFC 7047) is spoken
without a library in between: some tests send what a library would not, and
must see what the server says to it.  A control socket, that of ovs-appctl,
speaks it, too.
"""

import json
import os
import select
import socket
import subprocess
import time

# Seconds after which there will be no answer any more.
TIMEOUT = max(120, int(os.environ.get('OVN_TEST_TIMEOUT') or 0))


class Failure(Exception):
    """What was to be done has not been done."""


class Gone(Failure):
    """The other side has closed the connection, or does not answer."""


class Refused(Failure, ValueError):
    """The other side has said that it is an error."""


# Programs.

def run(*words, env=None, stdin=None):
    """What the program prints."""
    done = subprocess.run(words, env=env, input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Failure('%s: %s' % (' '.join(words), done.stderr.strip()))
    return done.stdout


def nbctl(*words):
    return run('ovn-nbctl', *words)


def sbctl(*words):
    return run('ovn-sbctl', *words)


def vsctl(*words, env=None):
    return run('ovs-vsctl', *words, env=env)


def rows(command, table, columns, env=None):
    """The rows of a table by 'command', such as ovn-sbctl: a dictionary for
    each, of values in OVSDB's notation."""
    text = json.loads(run(command, '--format=json',
                          '--columns=' + ','.join(columns), 'list', table,
                          env=env))
    return [dict(zip(text['headings'], row)) for row in text['data']]


# Daemons and databases.

def connect_unix(sock, path):
    """Connects, also if 'path' is longer than an address may be."""
    if len(os.fsencode(path)) < 108:
        sock.connect(path)
        return
    directory = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)
    try:
        sock.connect('/proc/self/fd/%d/%s' % (directory,
                                              os.path.basename(path)))
    finally:
        os.close(directory)


class Rpc:
    """A connection.  'notified' is called with each notification."""

    def __init__(self, path, notified=None, timeout=TIMEOUT):
        self.timeout = timeout
        self.notified = notified
        self.decoder = json.JSONDecoder()
        self.buffer = ''
        self.pending = b''
        self.later = []         # Messages that came after a reply.
        self.id = 0
        self.sock = socket.socket(socket.AF_UNIX)
        try:
            connect_unix(self.sock, path)
        except OSError as e:
            self.sock.close()
            raise Gone('%s: %s' % (path, e)) from e

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _send(self, message):
        self._send_text(json.dumps(message))

    def _send_text(self, text):
        try:
            self.sock.sendall(text.encode())
        except OSError as e:
            raise Gone(str(e)) from e

    def _receive(self, timeout):
        """The messages that have arrived within 'timeout' seconds."""
        if self.later:
            messages, self.later = self.later, []
            return messages
        if not select.select([self.sock], [], [], timeout)[0]:
            return []
        try:
            data = self.sock.recv(1 << 20)
        except OSError as e:
            raise Gone(str(e)) from e
        if not data:
            raise Gone('the connection has been closed')
        # Text is ASCII or complete UTF-8; a character may be cut in two.
        self.pending += data
        try:
            text, self.pending = self.pending.decode(), b''
        except UnicodeDecodeError as e:
            text = self.pending[:e.start].decode()
            self.pending = self.pending[e.start:]
        self.buffer += text
        messages = []
        while self.buffer.endswith('}'):
            try:
                message, end = self.decoder.raw_decode(self.buffer)
            except ValueError:
                break
            self.buffer = self.buffer[end:]
            messages.append(message)
        return messages

    def _notice(self, message):
        if message.get('method') == 'echo':
            self._send({'id': message['id'], 'result': message['params'],
                        'error': None})
        elif message.get('method') and self.notified:
            self.notified(message['method'], message['params'])

    def poll(self, timeout=0):
        """Takes notifications that have arrived."""
        for message in self._receive(timeout):
            self._notice(message)

    def ask(self, method, *params):
        """The result and the error, one of which is None."""
        return self.ask_text(method, [json.dumps(p) for p in params])

    def ask_text(self, method, params):
        """The same, with parameters that are JSON already."""
        self.id += 1
        self._send_text('{"id": %d, "method": %s, "params": [%s]}' % (
            self.id, json.dumps(method), ', '.join(params)))
        deadline = time.monotonic() + self.timeout
        reply = None
        while reply is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Gone('no answer to %s' % method)
            for message in self._receive(left):
                if reply is not None:
                    # It may be about what is in the reply.
                    self.later.append(message)
                elif (message.get('id') == self.id
                      and not message.get('method')):
                    reply = message
                else:
                    self._notice(message)
        return reply.get('result'), reply.get('error')

    def call(self, method, *params):
        """The result; Refused if it is an error."""
        return self.call_text(method, [json.dumps(p) for p in params])

    def call_text(self, method, params):
        result, error = self.ask_text(method, params)
        if error is not None:
            raise Refused('%s: %s' % (method, error))
        return result


class Database(Rpc):
    """A database of a server."""

    def __init__(self, path, name, timeout=TIMEOUT):
        super().__init__(path[len('unix:'):] if path.startswith('unix:')
                         else path, timeout=timeout)
        self.name = name

    def transact(self, *operations):
        """Their results."""
        results = self.call('transact', self.name, *operations)
        for result in results:
            if result is None or 'error' in result:
                raise Refused('%s: %s' % (self.name, result))
        return results

    def select(self, table, where, columns):
        return self.transact({'op': 'select', 'table': table, 'where': where,
                              'columns': columns})[0]['rows']


def call(path, method, *params, timeout=TIMEOUT):
    """One call, as of ovs-appctl."""
    with Rpc(path, timeout=timeout) as rpc:
        return rpc.call(method, *params)


def transact(path, database, *operations):
    """One transaction."""
    with Database(path, database) as db:
        return db.transact(*operations)
