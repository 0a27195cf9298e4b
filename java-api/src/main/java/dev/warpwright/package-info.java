/** The front door: opens a backend and makes caches, attention, layers and aggregators on it. */
@org.jspecify.annotations.NullMarked
package dev.warpwright;
