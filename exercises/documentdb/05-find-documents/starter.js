use shop
const { low, high, colours, store, pieces } = db.tasks.findOne({ _id: "task" })
const answer = (question, cursor) => db.answers.insertOne({ _id: question, found: cursor.toArray() })

// 1. affordable
answer("affordable", db.products.find({ price: { $gte: low } }))

// 2. two-colours

// 3. in-stock

// 4. unweighed

// 5. dearest
