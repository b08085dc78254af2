// A server of Node on the socket that Abide holds, which loses no request when it is told to end.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');

const version = fs.readFileSync('release', 'utf8').trim();
const body = `${version} ${process.pid}\n`;
let drains = false;

const server = http.createServer((request, response) => setTimeout(() => {
  response.setHeader('Content-Length', body.length);
  if (drains) response.setHeader('Connection', 'close');
  response.end(body);
}, Number(process.argv[2])));

server.listen({ fd: 3 }, () => process.send('ready'));

// `server.close()` would also destroy connections that have no request just now, and a request may be on its way on one of these. So only the
// listening ends here; every connection is told with its next answer.
process.on('SIGTERM', () => {
  drains = true;
  net.Server.prototype.close.call(server, () => process.exit(0));
});
