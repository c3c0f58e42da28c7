use shop

const line = {
  bsonType: "object",
  required: ["product", "pieces", "price"],
  properties: {
    product: { bsonType: "int" },
    pieces: { bsonType: "int", minimum: 1 },
    price: { bsonType: "decimal", minimum: 0 }
  }
}
const order = {
  bsonType: "object",
  required: ["customer", "date", "status", "lines"],
  additionalProperties: false,
  properties: {
    _id: {},
    customer: { bsonType: "int", minimum: 1 },
    date: { bsonType: "date" },
    status: { enum: ["open", "shipped", "returned"] },
    lines: { bsonType: "array", minItems: 1, items: line },
    note: { bsonType: "string" }
  }
}
db.runCommand({
  collMod: "orders",
  validator: { $jsonSchema: order },
  validationLevel: "strict",
  validationAction: "error"
})
