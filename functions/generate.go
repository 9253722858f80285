package functions

// First the lists of the folders, then what follows from their declarations,
// which a program can read only once they are listed.

//go:generate go run github.com/interlock-functions/interlock/internal/generate/folders ..
//go:generate go run github.com/interlock-functions/interlock/internal/generate/files ..
