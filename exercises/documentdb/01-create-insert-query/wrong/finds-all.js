// 1. The database
use mydatabase

// 2. Insert johndoe
db.users.insertOne({ username: "johndoe", email: "johndoe@example.com", created_at: new Date() })

// 3. Find him by his username
db.users.find({ username: "johndoe" })

// 4. Show the users in Lisbon
db.users.find()
