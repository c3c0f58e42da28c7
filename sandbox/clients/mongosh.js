// The shell's side of mongosh: `db`, cursors and the types of BSON, over calls into Python.
// Everything that crosses the bridge is JSON text; values in it are canonical Extended JSON, so that types stay exact.
// `__call(text) -> text` and `__print(text)` come from the host.
'use strict';
(() => {
  const G = globalThis;
  const rawCall = G.__call;
  const rawPrint = G.__print;
  delete G.__call;
  delete G.__print;

  // -- types -------------------------------------------------------------------------------------
  // Callable with and without `new`, as in the shell.
  const type = (Class) => new Proxy(Class, { apply: (target, self, args) => new target(...args) });
  const fail = (name, message, extra) => {
    const error = new Error(message);
    error.name = name;
    Object.assign(error, extra);
    throw error;
  };
  const hex = (n, width) => n.toString(16).padStart(width, '0');
  const random = (digits) => Array.from({ length: digits }, () => hex(Math.floor(Math.random() * 16), 1)).join('');
  const machine = random(10);
  let counter = Math.floor(Math.random() * 0xffffff);

  class Bson {
    toJSON() { return encode(this); }
    [Symbol.toPrimitive](hint) { return hint === 'number' && this.valueOf !== Object.prototype.valueOf ? this.valueOf() : this.toString(); }
    equals(other) { return JSON.stringify(encode(this)) === JSON.stringify(encode(other)); }
  }
  class ObjectId extends Bson {
    constructor(id) {
      super();
      if (id instanceof ObjectId) id = id.hex;
      if (id === undefined) {
        counter = (counter + 1) % 0x1000000;
        id = hex(Math.floor(Date.now() / 1000), 8) + machine + hex(counter, 6);
      }
      if (typeof id !== 'string' || !/^[0-9a-fA-F]{24}$/.test(id)) {
        fail('BSONError', 'input must be a 24 character hex string, 12 byte Uint8Array, or an integer');
      }
      this.hex = id.toLowerCase();
    }
    toString() { return this.hex; }
    toHexString() { return this.hex; }
    getTimestamp() { return new Date(parseInt(this.hex.slice(0, 8), 16) * 1000); }
    get str() { return this.hex; }
    static createFromHexString(text) { return new ObjectId(text); }
    static isValid(text) { return /^[0-9a-fA-F]{24}$/.test(String(text)); }
  }
  class Long extends Bson {
    constructor(value = 0) {
      super();
      try { this.big = BigInt.asIntN(64, BigInt(value instanceof Long ? value.big : value)); }
      catch { fail('BSONError', `${value} is not a 64-bit integer`); }
    }
    toString() { return this.big.toString(); }
    toNumber() { return Number(this.big); }
    toInt() { return Number(BigInt.asIntN(32, this.big)); }
    toBigInt() { return this.big; }
    valueOf() { return Number(this.big); }
    static fromNumber(n) { return new Long(Math.trunc(n)); }
    static fromString(text) { return new Long(text); }
  }
  class Int32 extends Bson {
    constructor(value = 0) { super(); this.value = Number(value) | 0; }
    toString() { return String(this.value); }
    valueOf() { return this.value; }
  }
  class Double extends Bson {
    constructor(value = 0) { super(); this.value = Number(value); }
    toString() { return String(this.value); }
    valueOf() { return this.value; }
  }
  class Decimal128 extends Bson {
    constructor(text = '0') {
      super();
      this.text = String(text);
      if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^[+-]?(inf(inity)?|nan)$/i.test(this.text)) {
        fail('BSONError', `"${this.text}" is not a valid Decimal128 string`);
      }
    }
    toString() { return this.text; }
    static fromString(text) { return new Decimal128(text); }
  }
  class Binary extends Bson {
    constructor(base64, subtype = 0) { super(); this.base64 = String(base64); this.sub_type = subtype; }
    toString() { return this.base64; }
    base64() { return this.base64; }
    static createFromBase64(text, subtype) { return new Binary(text, subtype); }
  }
  const shape = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
  class UUID extends Bson {
    constructor(text) {
      super();
      if (text === undefined) {
        const r = random(32);
        text = r.slice(0, 12) + '4' + r.slice(13, 16) + '89ab'[parseInt(r[16], 16) % 4] + r.slice(17);
      }
      if (!shape.test(text)) fail('BSONError', 'UUID string representation must be a 32 hex digit or canonical hyphenated representation');
      const d = text.toLowerCase().replaceAll('-', '');
      this.text = [d.slice(0, 8), d.slice(8, 12), d.slice(12, 16), d.slice(16, 20), d.slice(20)].join('-');
    }
    toString() { return this.text; }
    toHexString() { return this.text; }
  }
  class Timestamp extends Bson {
    constructor(t = 0, i = 0) {
      super();
      if (t !== null && typeof t === 'object') ({ t = 0, i = 0 } = t);
      this.t = Number(t);
      this.i = Number(i);
    }
    toString() { return `Timestamp({ t: ${this.t}, i: ${this.i} })`; }
  }
  class MinKey extends Bson { toString() { return 'MinKey()'; } }
  class MaxKey extends Bson { toString() { return 'MaxKey()'; } }
  class Code extends Bson { constructor(code) { super(); this.code = String(code); } toString() { return this.code; } }
  class DBRef extends Bson {
    constructor(collection, id, db) { super(); Object.assign(this, { collection, id, db }); }
    toString() { return `DBRef("${this.collection}", ${this.id})`; }
  }
  const kinds = {
    ObjectId, Long, Int32, Double, Decimal128, Binary, UUID, Timestamp, MinKey, MaxKey, Code, DBRef,
    NumberLong: Long, NumberInt: Int32, NumberDecimal: Decimal128, NumberDouble: Double, ObjectID: ObjectId,
  };
  for (const [name, Class] of Object.entries(kinds)) G[name] = type(Class);
  G.BinData = (subtype, base64) => new Binary(base64, subtype);
  G.HexData = (subtype, text) => new Binary(fromHex(text), subtype);
  G.ISODate = (text) => {
    if (text === undefined) return new Date();
    const spaced = String(text).replace(/^(\d{4}-\d{2}-\d{2}) (?=\d)/, '$1T');
    const zoned = /T/.test(spaced) && !/(Z|[+-]\d{2}:?\d{2})$/i.test(spaced) ? spaced + 'Z' : spaced;
    const date = new Date(zoned);
    if (Number.isNaN(date.getTime())) fail('Error', `${JSON.stringify(text)} is not a valid ISODate`);
    return date;
  };
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const fromHex = (text) => {
    const bytes = String(text).match(/../g)?.map((pair) => parseInt(pair, 16)) ?? [];
    let out = '';
    for (let i = 0; i < bytes.length; i += 3) {
      const n = (bytes[i] << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
      const four = [n >> 18, (n >> 12) & 63, (n >> 6) & 63, n & 63].map((index) => letters[index]);
      out += i + 1 >= bytes.length ? four.slice(0, 2).join('') + '==' : i + 2 >= bytes.length ? four.slice(0, 3).join('') + '=' : four.join('');
    }
    return out;
  };

  // -- Extended JSON -----------------------------------------------------------------------------
  const int32 = (n) => Number.isInteger(n) && !Object.is(n, -0) && n >= -2147483648 && n <= 2147483647;
  const float = (n) => ({ $numberDouble: Object.is(n, -0) ? '-0.0' : String(n) });

  // `show`: also what is no BSON (functions, undefined ...), as a `$js` with the text to show.
  function encode(value, show = false, seen = []) {
    switch (typeof value) {
      case 'string': case 'boolean': return value;
      case 'number': return int32(value) ? { $numberInt: String(value) } : float(value);
      case 'bigint': return { $numberLong: String(BigInt.asIntN(64, value)) };
      case 'undefined': return show ? { $js: 'undefined' } : null;
      case 'symbol': return show ? { $js: value.toString() } : null;
      case 'function':
        if (value instanceof Shown) return { $js: value.__shown() };
        return show ? { $js: value.name ? `[Function: ${value.name}]` : '[Function (anonymous)]' } : { $code: String(value) };
    }
    if (value === null) return null;
    if (value instanceof Date) {
      const ms = value.getTime();
      if (Number.isNaN(ms)) return show ? { $js: 'Invalid Date' } : { $date: { $numberLong: '-9223372036854775808' } };
      return { $date: { $numberLong: String(ms) } };
    }
    if (value instanceof RegExp) return { $regularExpression: { pattern: value.source, options: [...value.flags].filter((f) => 'imsux'.includes(f)).sort().join('') } };
    if (value instanceof ObjectId) return { $oid: value.hex };
    if (value instanceof Long) return { $numberLong: value.toString() };
    if (value instanceof Int32) return show ? { $js: `Int32(${value.value})`, bson: { $numberInt: String(value.value) } } : { $numberInt: String(value.value) };
    if (value instanceof Double) return show ? { $js: `Double(${value.value})`, bson: float(value.value) } : float(value.value);
    if (value instanceof Decimal128) return { $numberDecimal: value.text };
    if (value instanceof UUID) return { $binary: { base64: fromHex(value.text.replaceAll('-', '')), subType: '04' } };
    if (value instanceof Binary) return { $binary: { base64: value.base64, subType: hex(value.sub_type, 2) } };
    if (value instanceof Timestamp) return { $timestamp: { t: value.t, i: value.i } };
    if (value instanceof MinKey) return { $minKey: 1 };
    if (value instanceof MaxKey) return { $maxKey: 1 };
    if (value instanceof Code) return { $code: value.code };
    if (value instanceof DBRef) return { $ref: value.collection, $id: encode(value.id, show), ...(value.db ? { $db: value.db } : {}) };
    if (value instanceof Error) return show ? { $js: String(value) } : {};
    if (value instanceof Cursor && show) return { $array: value.__page().map((item) => encode(item, true)) };
    if (value instanceof Promise && show) return { $js: 'Promise' };
    if (seen.includes(value)) {
      if (show) return { $js: '[Circular *1]' };
      fail('BSONError', 'Cannot convert circular structure to BSON');
    }
    const deeper = [...seen, value];
    if (Array.isArray(value)) return Array.from(value, (item) => encode(item, show, deeper));
    if (value instanceof Map) return { $doc: [...value].map(([k, v]) => [String(k), encode(v, show, deeper)]) };
    if (value instanceof Set) return [...value].map((item) => encode(item, show, deeper));
    // A list of pairs keeps the order of keys that look like numbers, and names that begin with $.
    return { $doc: Object.keys(value).map((key) => [key, encode(value[key], show, deeper)]) };
  }

  function decode(value) {
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return value.map(decode);
    if ('$doc' in value) return Object.fromEntries(value.$doc.map(([key, item]) => [key, decode(item)]));
    const [key] = Object.keys(value);
    const inner = value[key];
    switch (key) {
      case '$numberInt': return Number(inner);
      case '$numberDouble': return Number(inner);
      case '$numberLong': return new Long(inner);
      case '$numberDecimal': return new Decimal128(inner);
      case '$oid': return new ObjectId(inner);
      case '$date': return new Date(Number(inner.$numberLong));
      case '$regularExpression':
        try { return new RegExp(inner.pattern, [...inner.options].filter((f) => 'ims'.includes(f)).join('')); }
        catch { return String(inner.pattern); }
      case '$binary': return inner.subType === '04' || inner.subType === '4' ? new UUID(inner.uuid) : new Binary(inner.base64, parseInt(inner.subType, 16));
      case '$timestamp': return new Timestamp(inner);
      case '$minKey': return new MinKey();
      case '$maxKey': return new MaxKey();
      case '$code': return new Code(inner);
      case '$ref': return new DBRef(inner, decode(value.$id), value.$db);
    }
    return value;
  }

  const call = (op, args) => {
    const answer = JSON.parse(rawCall(JSON.stringify({ op, args: encode(args) })));
    if (answer.error) {
      const { name, message, code, codeName, result } = answer.error;
      fail(name, message, { code, codeName, ...(result ? { result: decode(result) } : {}) });
    }
    return decode(answer.value);
  };

  // -- cursors -----------------------------------------------------------------------------------
  const BATCH = 20;
  class Cursor {
    #id = null;
    #batch = [];
    #done = false;
    #op; #spec; #map = null;
    constructor(op, spec) { this.#op = op; this.#spec = spec; }
    #set(name, value) {
      if (this.#id !== null) fail('MongoCursorInUseError', 'Cursor is already initialized');
      this.#spec[name] = value;
      return this;
    }
    #fill() {
      if (this.#batch.length || this.#done) return;
      if (this.#id === null) this.#id = call(this.#op, this.#spec);
      const { documents, more } = call('more', { id: this.#id });
      this.#batch = documents;
      this.#done = !more;
    }
    sort(keys) { return this.#set('sort', keys); }
    limit(n) { return this.#set('limit', n); }
    skip(n) { return this.#set('skip', n); }
    projection(fields) { return this.#set('projection', fields); }
    project(fields) { return this.projection(fields); }
    hint(index) { return this.#set('hint', index); }
    comment(text) { return this.#set('comment', text); }
    collation(options) { return this.#set('collation', options); }
    maxTimeMS(ms) { return this.#set('maxTimeMS', ms); }
    min(keys) { return this.#set('min', keys); }
    max(keys) { return this.#set('max', keys); }
    batchSize() { return this; }
    allowDiskUse() { return this; }
    noCursorTimeout() { return this; }
    readPref() { return this; }
    readConcern() { return this; }
    pretty() { return this; }
    explain(verbosity = 'queryPlanner') { return call('explain', { op: this.#op, spec: this.#spec, verbosity }); }
    hasNext() { this.#fill(); return this.#batch.length > 0; }
    next() {
      if (!this.hasNext()) return null;
      const item = this.#batch.shift();
      return this.#map ? this.#map(item) : item;
    }
    tryNext() { return this.next(); }
    toArray() { const all = []; while (this.hasNext()) all.push(this.next()); return all; }
    forEach(visit) { while (this.hasNext()) if (visit(this.next()) === false) break; }
    map(change) { const before = this.#map; this.#map = before ? (item) => change(before(item)) : change; return this; }
    count() {
      if (this.#op !== 'find') fail('TypeError', 'count is not a function of an aggregation cursor');
      return call('countDocuments', { ...this.#spec, limit: undefined, skip: undefined });
    }
    size() { return call('countDocuments', this.#spec); }
    itcount() { return this.toArray().length; }
    isExhausted() { return !this.hasNext(); }
    objsLeftInBatch() { return this.#batch.length; }
    close() { this.#done = true; this.#batch = []; }
    *[Symbol.iterator]() { while (this.hasNext()) yield this.next(); }
    __page() {
      const page = [];
      while (page.length < G.DBQuery.shellBatchSize && this.hasNext()) page.push(this.next());
      G.__last = this;
      return page;
    }
  }
  G.DBQuery = { shellBatchSize: BATCH };
  G.__it = () => (G.__last ? G.__last : fail('Error', 'no cursor'));

  // -- databases and collections -------------------------------------------------------------------
  class Shown extends Function {}
  const options = (given, allowed, name) => {
    if (given === undefined || given === null) return {};
    if (typeof given !== 'object') fail('MongoshInvalidInputError', `[COMMON-10001] Argument of ${name} must be an object`);
    return given;
  };
  const documentOf = (value, name) => {
    if (value === undefined || value === null || typeof value !== 'object') {
      fail('MongoshInvalidInputError', `[COMMON-10001] Missing required argument at position 0 (${name})`);
    }
    return value;
  };
  const listOf = (value, name) => {
    if (!Array.isArray(value)) fail('MongoInvalidArgumentError', 'Argument "docs" must be an array of documents');
    return value;
  };
  // mongosh gives the ids back to the documents that were handed in.
  const withId = (document) => {
    documentOf(document, 'Collection.insertOne');
    if (!('_id' in document)) document._id = new ObjectId();
    return document;
  };

  const methods = {
    insertOne: (at, document, o) => call('insertOne', { ...at, document: withId(document), options: options(o) }),
    insertMany: (at, documents, o) => call('insertMany', { ...at, documents: listOf(documents).map(withId), options: options(o) }),
    insert: (at, given, o) => (Array.isArray(given) ? methods.insertMany(at, given, o) : methods.insertMany(at, [given], o)),
    find: (at, filter = {}, projection, o) => new Cursor('find', { ...at, filter, projection, ...options(o) }),
    findOne: (at, filter = {}, projection, o) => new Cursor('find', { ...at, filter, projection, ...options(o), limit: 1 }).next(),
    countDocuments: (at, filter = {}, o) => call('countDocuments', { ...at, filter, ...options(o) }),
    count: (at, filter = {}, o) => call('countDocuments', { ...at, filter, ...options(o) }),
    estimatedDocumentCount: (at) => call('estimatedDocumentCount', at),
    distinct: (at, key, filter = {}) => call('distinct', { ...at, key, filter }),
    aggregate: (at, ...stages) => {
      const list = Array.isArray(stages[0]) || stages.length === 0;
      const pipeline = list ? stages[0] ?? [] : stages;
      const cursor = new Cursor('aggregate', { ...at, pipeline, options: list ? options(stages[1]) : {} });
      // Stages that write are run at once, as the server is not asked for more.
      if (pipeline.some((stage) => stage && ('$out' in stage || '$merge' in stage))) cursor.hasNext();
      return list && stages[1]?.explain ? cursor.explain(stages[1].explain) : cursor;
    },
    explain: (at, verbosity) => ({
      find: (...args) => methods.find(at, ...args).explain(verbosity),
      aggregate: (...args) => methods.aggregate(at, ...args).explain(verbosity),
    }),
    createIndex: (at, keys, o) => call('createIndex', { ...at, keys: documentOf(keys, 'Collection.createIndex'), options: options(o) }),
    createIndexes: (at, list, o) => listOf(list).map((keys) => call('createIndex', { ...at, keys, options: options(o) })),
    ensureIndex: (at, keys, o) => methods.createIndex(at, keys, o),
    getIndexes: (at) => call('getIndexes', at),
    getIndices: (at) => call('getIndexes', at),
    getIndexKeys: (at) => call('getIndexes', at).map((index) => index.key),
    dropIndex: (at, index) => call('dropIndex', { ...at, index }),
    dropIndexes: (at, index = '*') => call('dropIndex', { ...at, index }),
    drop: (at) => call('drop', at),
    renameCollection: (at, name, dropTarget = false) => call('renameCollection', { ...at, name, dropTarget }),
    bulkWrite: (at, operations, o) => call('bulkWrite', { ...at, operations: listOf(operations), options: options(o) }),
    stats: (at) => call('command', { db: at.db, command: { collStats: at.collection } }),
    validate: (at) => call('command', { db: at.db, command: { validate: at.collection } }),
    dataSize: (at) => methods.stats(at).size,
    isCapped: () => false,
    getName: (at) => at.collection,
    getFullName: (at) => `${at.db}.${at.collection}`,
    getDB: (at) => database(at.db),
    watch: (at) => call('watch', at),
  };
  for (const name of ['updateOne', 'updateMany', 'replaceOne']) {
    methods[name] = (at, filter, update, o) => {
      documentOf(filter, `Collection.${name}`);
      if (update === undefined) fail('MongoshInvalidInputError', `[COMMON-10001] Missing required argument at position 1 (Collection.${name})`);
      return call(name, { ...at, filter, update, options: options(o) });
    };
  }
  for (const name of ['deleteOne', 'deleteMany']) {
    methods[name] = (at, filter, o) => call(name, { ...at, filter: documentOf(filter, `Collection.${name}`), options: options(o) });
  }
  methods.remove = (at, filter, one) => methods[one === true || one?.justOne ? 'deleteOne' : 'deleteMany'](at, filter);
  methods.update = (at, filter, update, o = {}) => methods[o.multi ? 'updateMany' : 'updateOne'](at, filter, update, o);
  for (const name of ['findOneAndUpdate', 'findOneAndReplace', 'findOneAndDelete']) {
    methods[name] = (at, filter, ...rest) => {
      const update = name === 'findOneAndDelete' ? undefined : rest.shift();
      return call(name, { ...at, filter: documentOf(filter, `Collection.${name}`), update, options: options(rest[0]) });
    };
  }
  methods.findAndModify = (at, o) => call('findOneAndUpdate', {
    ...at, filter: o.query ?? {}, update: o.update, remove: o.remove, options: { sort: o.sort, upsert: o.upsert, returnDocument: o.new ? 'after' : 'before', projection: o.fields },
  });
  const bulk = (at, ordered) => {
    const operations = [];
    const found = (filter) => {
      const spec = { upsert: undefined };
      const add = (name, update) => { operations.push({ [name]: { filter, ...(update === undefined ? {} : { [name === 'replaceOne' ? 'replacement' : 'update']: update }), ...(spec.upsert ? { upsert: true } : {}) } }); return self; };
      return {
        upsert() { spec.upsert = true; return this; },
        update: (update) => add('updateMany', update), updateOne: (update) => add('updateOne', update),
        replaceOne: (update) => add('replaceOne', update),
        remove: () => add('deleteMany'), delete: () => add('deleteMany'), removeOne: () => add('deleteOne'), deleteOne: () => add('deleteOne'),
      };
    };
    const self = { insert(document) { operations.push({ insertOne: { document: withId(document) } }); return self; }, find: found, execute: () => methods.bulkWrite(at, operations, { ordered }) };
    return self;
  };
  methods.initializeOrderedBulkOp = (at) => bulk(at, true);
  methods.initializeUnorderedBulkOp = (at) => bulk(at, false);

  const plain = (key) => typeof key === 'symbol' || key === 'toJSON' || key === 'then' || key === 'constructor' || key === 'prototype';

  function collection(dbName, name, path) {
    const at = { db: dbName, collection: name };
    // A function, so that a name that is no method fails in the shell's words when it is called.
    const target = Object.setPrototypeOf(function () {}, Shown.prototype);
    return new Proxy(target, {
      get(_, key) {
        if (key === '__shown') return () => `${dbName}.${name}`;
        if (key === 'toString' || key === Symbol.toPrimitive) return () => `${dbName}.${name}`;
        if (plain(key)) return undefined;
        if (Object.hasOwn(methods, key)) return Object.defineProperty((...args) => methods[key](at, ...args), 'name', { value: key });
        return collection(dbName, `${name}.${key}`, `${path}.${key}`);
      },
      apply() { throw new TypeError(`${path} is not a function`); },
    });
  }

  const dbMethods = {
    getName: (name) => name,
    getCollection: (name, of) => collection(name, String(of), `db.${of}`),
    getSiblingDB: (name, other) => database(String(other)),
    getSisterDB: (name, other) => database(String(other)),
    getMongo: () => ({ getDBNames: () => call('databases', {}).databases.map((d) => d.name), getDBs: () => call('databases', {}), getDB: database }),
    getCollectionNames: (name) => call('collections', { db: name }).map((c) => c.name),
    getCollectionInfos: (name, filter = {}) => call('collections', { db: name, filter }),
    createCollection: (name, of, o) => call('createCollection', { db: name, collection: of, options: options(o) }),
    createView: (name, view, source, pipeline, o) => call('createCollection', { db: name, collection: view, options: { viewOn: source, pipeline, ...options(o) } }),
    dropDatabase: (name) => call('dropDatabase', { db: name }),
    runCommand: (name, command) => call('command', { db: name, command: typeof command === 'string' ? { [command]: 1 } : command }),
    adminCommand: (name, command) => call('command', { db: 'admin', command: typeof command === 'string' ? { [command]: 1 } : command }),
    aggregate: (name, pipeline, o) => new Cursor('aggregate', { db: name, collection: null, pipeline, options: options(o) }),
    stats: (name) => call('command', { db: name, command: { dbStats: 1 } }),
    version: () => call('command', { db: 'admin', command: { buildInfo: 1 } }).version,
    serverStatus: () => call('command', { db: 'admin', command: { serverStatus: 1 } }),
    serverBuildInfo: () => call('command', { db: 'admin', command: { buildInfo: 1 } }),
    hello: () => call('command', { db: 'admin', command: { hello: 1 } }),
    currentOp: () => call('command', { db: 'admin', command: { currentOp: 1 } }),
    getUsers: (name) => call('command', { db: name, command: { usersInfo: 1 } }),
    getUser: (name, user) => call('command', { db: name, command: { usersInfo: user } }).users[0] ?? null,
    createUser: (name, user) => {
      const { user: createUser, ...rest } = documentOf(user, 'Database.createUser');
      return call('command', { db: name, command: { createUser, ...rest } });
    },
    updateUser: (name, updateUser, rest) => call('command', { db: name, command: { updateUser, ...rest } }),
    changeUserPassword: (name, updateUser, pwd) => call('command', { db: name, command: { updateUser, pwd } }),
    dropUser: (name, dropUser) => call('command', { db: name, command: { dropUser } }),
    grantRolesToUser: (name, grantRolesToUser, roles) => call('command', { db: name, command: { grantRolesToUser, roles } }),
    revokeRolesFromUser: (name, revokeRolesFromUser, roles) => call('command', { db: name, command: { revokeRolesFromUser, roles } }),
    setProfilingLevel: (name, profile) => call('command', { db: name, command: { profile } }),
    watch: (name) => call('watch', { db: name }),
  };

  function database(name) {
    const target = Object.setPrototypeOf(function () {}, Shown.prototype);
    return new Proxy(target, {
      get(_, key) {
        if (key === '__shown' || key === 'toString' || key === Symbol.toPrimitive) return () => name;
        if (plain(key)) return undefined;
        if (Object.hasOwn(dbMethods, key)) return Object.defineProperty((...args) => dbMethods[key](name, ...args), 'name', { value: key });
        return collection(name, key, `db.${key}`);
      },
      apply() { throw new TypeError('db is not a function'); },
    });
  }

  // -- the shell's own functions -------------------------------------------------------------------
  const say = (...items) => {
    rawPrint(JSON.stringify(items.map((item) => encode(item, true))));
  };
  G.print = say;
  G.printjson = say;
  G.console = { log: say, info: say, warn: say, error: say, debug: say, dir: say };
  G.tojson = (value) => JSON.parse(rawCall(JSON.stringify({ op: 'tojson', args: { $doc: [['value', encode(value, true)]] } }))).value;
  G.EJSON = {
    stringify: (value, ...rest) => JSON.parse(rawCall(JSON.stringify({ op: 'ejson', args: { $doc: [['value', encode(value)]] } }))).value,
    parse: (text) => call('parse', { text }),
  };
  G.sleep = (ms) => { call('sleep', { ms }); };
  G.load = () => fail('Error', 'load() reads files and is not available here');
  G.Mongo = type(class Mongo { constructor() { fail('Error', 'another connection is not available here'); } });
  const passwordPrompt = () => fail('Error', 'passwordPrompt() is not available here: give the password as text');
  G.passwordPrompt = passwordPrompt;
  G.rs = { status: () => call('command', { db: 'admin', command: { replSetGetStatus: 1 } }) };

  let current = null;
  G.__use = (name) => { current = database(name); G.db = current; };
  G.use = (name) => { G.__use(String(name)); call('use', { name: String(name) }); return `switched to db ${name}`; };
  G.__keep = (value) => (value === undefined ? undefined : JSON.stringify({ shown: encode(value, true), cursor: value instanceof Cursor, more: value instanceof Cursor && value.hasNext() }));
  G.__is_expression = (code) => {
    try { return Boolean(new Function(`return (${code}\n)`)); } catch { return false; }
  };
  for (const name of ['__use', '__keep', '__is_expression', '__it']) {
    Object.defineProperty(G, name, { enumerable: false, writable: false, configurable: false });
  }
})();
