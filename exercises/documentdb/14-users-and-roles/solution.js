use desk

// 1. - 3. New users; a role as a text is on the current database
db.createUser({ user: "desk_app", pwd: "Heron-Lake-42", roles: ["readWrite"] })
db.createUser({ user: "evaluation", pwd: "Amber-Field-17", roles: ["read", { role: "readWrite", db: "reports" }] })
db.createUser({ user: "caretaker", pwd: "Silent-Brook-8", roles: ["dbAdmin"] })

// 4. The smaller role in the place of the larger one
db.updateUser("intern", { roles: ["read"] })

// 5. A new password, the same roles
db.changeUserPassword("ines", "New-Moon-5")

// 6. Who owns the database?
const owners = db.getUsers().users.filter(user => user.roles.some(role => role.role === "dbOwner"))
for (const owner of owners) db.dropUser(owner.user)
db.getUsers()
