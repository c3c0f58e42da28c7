use shop
const shipped = { $match: { status: "shipped" } }

// 1. monthly
db.orders.aggregate([
  shipped,
  { $group: { _id: { $dateToString: { format: "%Y-%m", date: "$date" } } } },
  { $sort: { _id: 1 } }
])

// 2. best_customers

// 3. best_sellers
