use shop

// 1. Emails: this is refused as long as some are there several times
db.accounts.createIndex({ email: 1 })

// 2. Phones

// 3. Invoices
