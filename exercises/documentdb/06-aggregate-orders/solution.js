use shop
const shipped = { $match: { status: "shipped" } }
const worth = { $multiply: ["$lines.pieces", "$lines.price"] }

// 1. Each order's worth first, then the months
db.orders.aggregate([
  shipped,
  { $unwind: "$lines" },
  { $group: { _id: "$_id", date: { $first: "$date" }, worth: { $sum: worth } } },
  { $group: {
    _id: { $dateToString: { format: "%Y-%m", date: "$date" } },
    orders: { $sum: 1 },
    turnover: { $sum: "$worth" }
  } },
  { $out: "monthly" }
])

// 2. The five best, and only then their names
db.orders.aggregate([
  shipped,
  { $unwind: "$lines" },
  { $group: { _id: "$customer", turnover: { $sum: worth } } },
  { $sort: { turnover: -1 } },
  { $limit: 5 },
  { $lookup: { from: "customers", localField: "_id", foreignField: "_id", as: "customer" } },
  { $unwind: "$customer" },
  { $project: { name: "$customer.name", turnover: 1 } },
  { $out: "best_customers" }
])

// 3. A $match after $group looks at the groups
db.orders.aggregate([
  shipped,
  { $unwind: "$lines" },
  { $group: { _id: "$lines.product", pieces: { $sum: "$lines.pieces" } } },
  { $match: { pieces: { $gte: 30 } } },
  { $out: "best_sellers" }
])
db.monthly.find().sort({ _id: 1 })
