import ApusBase
