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

// 2. The five best
db.orders.aggregate([
  shipped,
  { $unwind: "$lines" },
  { $group: { _id: "$customer", turnover: { $sum: worth }, orders: { $sum: 1 } } },
  { $sort: { orders: -1 } },
  { $limit: 5 },
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
