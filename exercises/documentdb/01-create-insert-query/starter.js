// 1. The database
use mydatabase

// 2. Insert johndoe
db.users.insertOne({ username: "johndoe" })

// 3. Find him by his username

// 4. Show the users in Lisbon
