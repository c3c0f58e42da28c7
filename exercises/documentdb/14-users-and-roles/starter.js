use desk
db.getUsers()

// 1. The application
db.createUser({ user: "desk_app", pwd: "Heron-Lake-42", roles: ["dbOwner"] })

// 2. The evaluation

// 3. The caretaker

// 4. intern

// 5. ines

// 6. Who else?
