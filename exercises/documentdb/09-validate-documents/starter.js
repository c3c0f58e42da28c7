use shop

const order = {
  bsonType: "object"
}
db.orders.findOne()
