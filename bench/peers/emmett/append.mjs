// Appends with emmett's own store, as many at once as WRITERS says, each to a stream of its own; prints events per second.

import { randomUUID } from 'node:crypto'
import { STREAM_DOES_NOT_EXIST } from '@event-driven-io/emmett'
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql'
import pg from 'pg'

const [writers, batch, milliseconds] = ['WRITERS', 'BATCH', 'MILLISECONDS'].map((name) => Number(process.env[name]))
const data = JSON.parse(process.env.EVENT)

/** Until then V8 compiles what is run most. */
const WARM_UP_MILLISECONDS = 500

const connectionString = process.env.DATABASE_URL
const pool = new pg.Pool({ connectionString, max: writers })
const store = getPostgreSQLEventStore(connectionString, { connectionOptions: { connectionString, pool } })
await store.schema.migrate()

const streams = Array.from({ length: writers }, () => ({ name: `visitor-${randomUUID()}`, version: STREAM_DOES_NOT_EXIST }))

/** Appends until `deadline`, each time only if nobody else has written to the stream; answers the number of events. */
async function append(stream, deadline) {
  let count = 0
  while (performance.now() < deadline) {
    const events = Array.from({ length: batch }, () => ({ type: 'Appended', data }))
    const appended = await store.appendToStream(stream.name, events, { expectedStreamVersion: stream.version })
    stream.version = appended.nextExpectedStreamVersion
    count += batch
  }
  return count
}

/** Events per second of all writers. */
async function measure(milliseconds) {
  const started = performance.now()
  const counts = await Promise.all(streams.map((stream) => append(stream, started + milliseconds)))
  return (counts.reduce((sum, count) => sum + count) * 1000) / (performance.now() - started)
}

await measure(WARM_UP_MILLISECONDS)
console.log(await measure(milliseconds))
await store.close()
await pool.end()
