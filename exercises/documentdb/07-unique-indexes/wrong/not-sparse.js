use shop

// 1. All but the newest account of each email go; then the index is possible
const double = db.accounts.aggregate([
  { $group: { _id: "$email", newest: { $max: "$created" }, accounts: { $sum: 1 } } },
  { $match: { accounts: { $gt: 1 } } }
])
double.forEach(one => db.accounts.deleteMany({ email: one._id, created: { $lt: one.newest } }))
db.accounts.createIndex({ email: 1 }, { unique: true })

// 2. Phones
db.accounts.deleteMany({ phone: null })
db.accounts.createIndex({ phone: 1 }, { unique: true })

// 3. The pair is unique; the branch comes first
db.invoices.createIndex({ branch: 1, number: 1 }, { unique: true })
