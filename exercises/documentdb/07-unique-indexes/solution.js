use shop

// 1. All but the newest account of each email go; then the index is possible
const double = db.accounts.aggregate([
  { $group: { _id: "$email", newest: { $max: "$created" }, accounts: { $sum: 1 } } },
  { $match: { accounts: { $gt: 1 } } }
])
double.forEach(one => db.accounts.deleteMany({ email: one._id, created: { $lt: one.newest } }))
db.accounts.createIndex({ email: 1 }, { unique: true })

// 2. A sparse index leaves out who has no phone, but not a null that is written
db.accounts.updateMany({ phone: null }, { $unset: { phone: "" } })
db.accounts.createIndex({ phone: 1 }, { unique: true, sparse: true })

// 3. The pair is unique; the branch comes first
db.invoices.createIndex({ branch: 1, number: 1 }, { unique: true })
