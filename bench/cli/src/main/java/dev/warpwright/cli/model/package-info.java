/** Checkpoints in the safetensors format, and a decoder that runs them on the Java API. */
@NullMarked
package dev.warpwright.cli.model;

import org.jspecify.annotations.NullMarked;
