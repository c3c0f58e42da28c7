use shop

const order = {
  bsonType: "object",
  required: ["customer", "date", "status", "lines"],
  properties: {
    _id: {},
    customer: { bsonType: "int", minimum: 1 },
    date: { bsonType: "date" },
    status: { enum: ["open", "shipped", "returned"] },
    lines: { bsonType: "array", minItems: 1 },
    note: { bsonType: "string" }
  }
}
db.runCommand({
  collMod: "orders",
  validator: { $jsonSchema: order },
  validationLevel: "moderate",
  validationAction: "error"
})
