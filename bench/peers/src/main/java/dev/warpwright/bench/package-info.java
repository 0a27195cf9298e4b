/** JMH benchmarks. */
@NullMarked
package dev.warpwright.bench;

import org.jspecify.annotations.NullMarked;
